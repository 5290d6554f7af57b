import Testing

@testable import Operations
@testable import OrderflowKit

/// Each promise about an order's end, kept and broken.
@Suite struct OrderInvariantsTests {
    typealias Event = OrderEvidence.Event
    typealias Fact = OrderEvidence.Fact

    static let key = OrderKey(tenant: "default", orderID: "o-1")

    static var confirmed: OrderEvidence {
        var order = OrderEvidence(key: key)
        order.events = [
            Event(id: "e1", type: "OrderCreated", version: 1), Event(id: "e2", type: "OrderConfirmed", version: 2),
        ]
        order.facts = [
            Fact(id: "e1", type: "OrderCreated", streamVersion: 1), Fact(id: "s", type: "StockReserved"),
            Fact(id: "p", type: "PaymentProcessed", detail: "ch_1"),
            Fact(id: "c", type: "ShipmentCreated", detail: "sh_1"),
            Fact(id: "e2", type: "OrderConfirmed", streamVersion: 2),
            Fact(id: "d", type: "ShipmentDispatched", detail: "sh_1"),
            Fact(id: "n", type: "NotificationSent", detail: "order-confirmed"),
        ]
        order.reservation = "consumed"
        order.payment = OrderEvidence.Payment(status: "charged", chargeReference: "ch_1")
        order.shipment = "dispatched"
        order.mails = [OrderEvidence.Mail(kind: "order-confirmed", status: "sent")]
        order.view = OrderEvidence.View(status: "confirmed", facts: Set(order.facts.map(\.id)))
        order.saga = OrderEvidence.Saga(status: "completed")
        return order
    }

    static var cancelled: OrderEvidence {
        var order = OrderEvidence(key: key)
        order.events = [
            Event(id: "e1", type: "OrderCreated", version: 1), Event(id: "e2", type: "OrderCancelled", version: 2),
        ]
        order.facts = [
            Fact(id: "e1", type: "OrderCreated", streamVersion: 1),
            Fact(id: "p", type: "PaymentProcessed", detail: "ch_1"),
            Fact(id: "r", type: "PaymentRefunded", detail: "re_1"),
            Fact(id: "e2", type: "OrderCancelled", streamVersion: 2),
        ]
        order.reservation = "released"
        order.payment = OrderEvidence.Payment(status: "refunded", chargeReference: "ch_1", refundReference: "re_1")
        order.shipment = "failed"
        order.mails = [
            OrderEvidence.Mail(kind: "order-cancelled", status: "sent"),
            OrderEvidence.Mail(kind: "payment-refunded", status: "sent"),
        ]
        order.view = OrderEvidence.View(status: "cancelled", facts: Set(order.facts.map(\.id)))
        order.saga = OrderEvidence.Saga(status: "compensated")
        return order
    }

    /// Read models know facts from before the source counted by their ids alone.
    @Test func factsAreComparedBySourceAndID() {
        var order = Self.confirmed
        let facts = ["/berlin 1", "/paris 1"].map { Fact(id: $0, plainID: "1", type: "StockReserved") }
        order.facts += facts
        let known = order.view?.facts ?? []
        func broken(_ more: Set<String>) -> [String] {
            order.view = OrderEvidence.View(status: "confirmed", facts: known.union(more))
            return check(order).broken
        }
        #expect(broken(["/berlin 1", "/paris 1"]).isEmpty)
        #expect(broken(["1"]).isEmpty)
        #expect(broken(["/berlin 1"]) == ["the read model lacks [\"/paris 1\"]"])
        #expect(broken(["/berlin 1", "/paris 1", "/oslo 1"]) == ["the read model has [\"/oslo 1\"], the topic hasn't"])
    }

    private func check(_ order: OrderEvidence) -> OrderInvariants.Finding {
        OrderInvariants.check(order, settledBefore: 1_000)
    }

    @Test func ordersThatEndedWellAreSound() {
        #expect(check(Self.confirmed) == OrderInvariants.Finding(place: .confirmed, broken: []))
        #expect(check(Self.cancelled) == OrderInvariants.Finding(place: .cancelled, broken: []))
    }

    /// Nobody ever knew more of them than this, and that is fine.
    @Test func cancelledBeforeAnythingHappened() {
        var order = Self.cancelled
        order.facts.removeAll { $0.type.hasPrefix("Payment") }
        order.view = OrderEvidence.View(status: "cancelled", facts: Set(order.facts.map(\.id)))
        (order.reservation, order.payment, order.shipment) = (nil, nil, nil)
        order.mails.removeLast()
        order.saga = nil
        #expect(check(order) == OrderInvariants.Finding(place: .cancelled, broken: []))
    }

    @Test(arguments: confirmedBreaches) func brokenPromisesToTheConfirmed(_ breach: Breach) {
        expect(breach, of: Self.confirmed)
    }

    @Test(arguments: cancelledBreaches) func brokenPromisesToTheCancelled(_ breach: Breach) {
        expect(breach, of: Self.cancelled)
    }

    private func expect(_ breach: Breach, of sound: OrderEvidence) {
        var order = sound
        breach.change(&order)
        let broken = check(order).broken
        #expect(broken.contains { $0.contains(breach.said) }, "\(breach.said): \(broken)")
    }

    @Test func whatIsOnItsWayIsNotJudged() {
        var moving = Self.confirmed
        moving.reservation = "reserved"
        moving.changedAt = 1_000
        #expect(check(moving).place == .moving)
        let table: [(String, (inout OrderEvidence) -> Void)] = [
            ("parked", { $0.parkedBy = ["shipping-group"] }), ("relay", { $0.events[1].isPublished = false }),
            ("inventory-group behind", { $0.facts[4].unreadBy = ["inventory-group"] }),
            ("mail", { $0.mails = [OrderEvidence.Mail(kind: "order-confirmed", status: "pending")] }),
            (
                "saga running",
                {
                    $0.events.removeLast(); $0.facts.removeAll { $0.id == "e2" }
                    $0.view = OrderEvidence.View(status: "pending", facts: Set($0.facts.map(\.id)))
                    $0.saga = OrderEvidence.Saga(status: "running")
                }
            ),
        ]
        for (reason, change) in table {
            var order = Self.confirmed
            order.reservation = "reserved"
            change(&order)
            guard case .running(let said) = check(order).place else {
                Issue.record("\(reason): \(check(order).place)")
                continue
            }
            #expect(said.contains(reason))
            #expect(check(order).broken.isEmpty, "\(reason)")
        }
    }

    /// Who has no address was promised no mail; one that was given up is told with its reason.
    @Test func mailsThatWerentSent() {
        var order = Self.confirmed
        order.mails = [OrderEvidence.Mail(kind: "order-confirmed", status: "unaddressed")]
        #expect(check(order).broken.isEmpty)
        order.mails = [OrderEvidence.Mail(kind: "order-confirmed", status: "failed", error: "refused: no SMTPUTF8")]
        #expect(check(order).broken.contains { $0.contains("failed: refused: no SMTPUTF8") })
    }

    /// An order that the event store doesn't know: others may announce some on the topic, and nobody may know more.
    @Test func whoIsNotInTheEventStore() {
        var order = Self.confirmed
        order.events = []
        #expect(check(order).broken == ["is on the topic, but not in the event store"])
        for index in order.facts.indices { order.facts[index].streamVersion = nil }
        #expect(
            check(order)
                == OrderInvariants.Finding(place: .running("the order service hasn't taken it yet"), broken: []))
        order.parkedBy = ["order-group"]
        #expect(
            check(order)
                == OrderInvariants.Finding(place: .running("parked behind a dead letter of order-group"), broken: []))
        order.parkedBy = []
        order.facts.append(Fact(id: "p2", type: "PaymentProcessed", detail: "ch_2"))
        #expect(check(order).broken.map { $0.prefix(15) } == ["charged 2 times"])
        order.facts.removeAll { $0.type == "OrderCreated" }
        #expect(check(order).place == .running("nobody has announced it"))
        order.facts = []
        #expect(
            check(order).broken == [
                """
                neither in the event store nor on the topic: stock consumed, payment charged, shipment dispatched, \
                read model confirmed, saga completed, mail order-confirmed sent
                """
            ])
        order.view?.toldAt = 1_000
        #expect(check(order) == OrderInvariants.Finding(place: .moving, broken: []), "announced since")
    }

    /// Each row that is left where the event store and the topic have lost an order is said.
    @Test func anythingThatIsLeftIsSaid() {
        let parts: [(String, (inout OrderEvidence, OrderEvidence) -> Void)] = [
            ("stock consumed", { $0.reservation = $1.reservation }), ("payment charged", { $0.payment = $1.payment }),
            ("shipment dispatched", { $0.shipment = $1.shipment }), ("read model confirmed", { $0.view = $1.view }),
            ("saga completed", { $0.saga = $1.saga }), ("mail order-confirmed sent", { $0.mails = $1.mails }),
        ]
        for (said, part) in parts {
            var order = OrderEvidence(key: Self.key)
            part(&order, Self.confirmed)
            #expect(check(order).broken == ["neither in the event store nor on the topic: \(said)"])
        }
    }

    /// Even of an order that isn't at its end.
    @Test func whatHappenedTwiceIsAlwaysSaid() {
        var order = Self.confirmed
        order.parkedBy = ["shipping-group"]
        order.facts.append(Fact(id: "p2", type: "PaymentProcessed", detail: "ch_2"))
        #expect(check(order).broken.contains { $0.contains("charged 2 times") })
    }

    struct Breach: Sendable, CustomTestStringConvertible {
        let said: String
        let change: @Sendable (inout OrderEvidence) -> Void
        var testDescription: String { said }

        init(_ said: String, _ change: @escaping @Sendable (inout OrderEvidence) -> Void) {
            self.said = said
            self.change = change
        }
    }

    static let confirmedBreaches = [
        Breach("OrderCreated e1 is not on the topic") { $0.facts.removeFirst() },
        Breach("x on the topic is not in the event store") {
            $0.facts.append(Fact(id: "x", type: "OrderCreated", streamVersion: 1))
        },
        Breach("versions [1, 3]") { $0.events[1] = Event(id: "e2", type: "OrderConfirmed", version: 3) },
        Breach("both confirmed and cancelled") {
            $0.events.append(Event(id: "e3", type: "OrderCancelled", version: 3))
        },
        Breach("charged 2 times") { $0.facts.append(Fact(id: "p2", type: "PaymentProcessed", detail: "ch_2")) },
        Breach("dispatched 2 times") { $0.facts.append(Fact(id: "d2", type: "ShipmentDispatched", detail: "sh_2")) },
        Breach("told of 2 times") {
            $0.facts.append(Fact(id: "n2", type: "NotificationSent", detail: "order-confirmed"))
        },
        Breach("stock is reserved") { $0.reservation = "reserved" },
        Breach("payment is refunded") { $0.payment = OrderEvidence.Payment(status: "refunded") },
        Breach("payment is missing") { $0.payment = nil },
        Breach("confirmed without PaymentProcessed") { $0.facts.removeAll { $0.id == "p" } },
        Breach("shipment is prepared") { $0.shipment = "prepared" },
        Breach("0 order-confirmed mails") { $0.mails = [] },
        Breach("has a order-cancelled mail") {
            $0.mails.append(OrderEvidence.Mail(kind: "order-cancelled", status: "sent"))
        },
        Breach("the read model doesn't have it") { $0.view = nil },
        Breach(#"the read model lacks ["n"]"#) {
            $0.view = OrderEvidence.View(status: "confirmed", facts: ["e1", "s", "p", "c", "e2", "d"])
        },
        Breach("the read model says pending") {
            $0.view = OrderEvidence.View(status: "pending", facts: Set($0.facts.map(\.id)))
        },
        Breach("saga is running") { $0.saga = OrderEvidence.Saga(status: "running") },
    ]

    static let cancelledBreaches = [
        Breach("refunded 2 times") { $0.facts.append(Fact(id: "r2", type: "PaymentRefunded", detail: "re_2")) },
        Breach("charged, but not refunded") { $0.facts.removeAll { $0.id == "r" } },
        Breach("payment is charged") { $0.payment = OrderEvidence.Payment(status: "charged") },
        Breach("stock is reserved") { $0.reservation = "reserved" },
        Breach("shipment is prepared") { $0.shipment = "prepared" },
        Breach("cancelled, but dispatched") {
            $0.facts.append(Fact(id: "d", type: "ShipmentDispatched", detail: "sh_1"))
        },
        Breach("0 order-cancelled mails") { $0.mails.removeFirst() },
        Breach("has a order-confirmed mail") {
            $0.mails.append(OrderEvidence.Mail(kind: "order-confirmed", status: "sent"))
        },
    ]
}
