import InventoryFacts
import Messaging
import OrderFacts
import Orders
import PaymentFacts
import Testing

@testable import Fulfilment
@testable import OrderflowKit

/// What the fulfilment of one order says to whom, as a table: facts and seconds that pass, and the commands that follow.
@Suite struct FulfilmentScenarioTests {
    struct Scenario: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let story: [Event]
        let ends: SagaInstance.Status
        var reason: String?
        var needsAttention = false

        init(
            _ description: String, ends: SagaInstance.Status, reason: String? = nil, needsAttention: Bool = false,
            _ story: Event...
        ) {
            testDescription = description
            self.story = story
            self.ends = ends
            self.reason = reason
            self.needsAttention = needsAttention
        }
    }

    enum Event: Sendable {
        case fact(FactDraft, [String])
        case pass(Duration, [String])

        static func hears(_ kind: FactDraft, _ commands: String...) -> Event { .fact(kind, commands) }
        static func waits(_ duration: Duration, _ commands: String...) -> Event { .pass(duration, commands) }
    }

    static let created = FactDraft.orderCreated(Sample.order)
    static let reserved = FactDraft.stockReserved(items: Sample.order.items)
    static let released = FactDraft.stockReleased(items: Sample.order.items)
    static let processed = FactDraft.paymentProcessed(amount: Sample.order.total, reference: "r")
    static let refunded = FactDraft.paymentRefunded(amount: Sample.order.total, reference: "r")
    static let shipped = FactDraft.shipmentCreated(shipmentID: "s1")
    static let confirmed = FactDraft.orderConfirmed(userID: "alice", total: Sample.order.total)
    static func wanted(_ reason: String) -> FactDraft { .orderCancellationRequested(reason: reason) }
    static func cancelled(_ reason: String) -> FactDraft {
        .orderCancelled(userID: "alice", total: Sample.order.total, reason: reason)
    }

    static let scenarios = [
        Scenario(
            "all goes well", ends: .completed,
            .hears(created, "ReserveStock"), .hears(shipped), .hears(reserved, "ProcessPayment"),
            .hears(processed, "ConfirmOrder"), .hears(confirmed)),
        Scenario(
            "shipping is the slowest", ends: .completed,
            .hears(created, "ReserveStock"), .hears(reserved, "ProcessPayment"), .hears(processed),
            .hears(shipped, "ConfirmOrder"), .hears(confirmed)),
        Scenario(
            "nothing in stock", ends: .compensated, reason: "stock: sold out",
            .hears(created, "ReserveStock"), .hears(.stockRejected(reason: "sold out", sku: "ABC"), "CancelOrder"),
            .hears(cancelled("stock: sold out"))),
        Scenario(
            "the card is declined", ends: .compensated, reason: "payment: declined",
            .hears(created, "ReserveStock"), .hears(shipped), .hears(reserved, "ProcessPayment"),
            .hears(.paymentFailed(reason: "declined"), "ReleaseStock"), .hears(released, "CancelOrder"),
            .hears(cancelled("payment: declined"))),
        Scenario(
            "it can't be shipped, after the payment", ends: .compensated, reason: "shipment: no road",
            .hears(created, "ReserveStock"), .hears(reserved, "ProcessPayment"), .hears(processed),
            .hears(.shipmentFailed(reason: "no road"), "RefundPayment"), .hears(refunded, "ReleaseStock"),
            .hears(released, "CancelOrder"), .hears(cancelled("shipment: no road"))),
        Scenario(
            "cancelled while the payment is in flight, which then succeeds", ends: .compensated, reason: "too slow",
            .hears(created, "ReserveStock"), .hears(reserved, "ProcessPayment"),
            .hears(wanted("too slow"), "RefundPayment"), .hears(processed), .hears(refunded, "ReleaseStock"),
            .hears(released, "CancelOrder"), .hears(cancelled("too slow"))),
        Scenario(
            "cancelled while the payment is in flight, which was never made", ends: .compensated, reason: "too slow",
            .hears(created, "ReserveStock"), .hears(reserved, "ProcessPayment"),
            .hears(wanted("too slow"), "RefundPayment"), .hears(.paymentVoided, "ReleaseStock"),
            .hears(released, "CancelOrder"), .hears(cancelled("too slow"))),
        Scenario(
            "cancelled while the confirmation is in flight", ends: .compensated, reason: "changed my mind",
            .hears(created, "ReserveStock"), .hears(reserved, "ProcessPayment"), .hears(shipped),
            .hears(processed, "ConfirmOrder"), .hears(wanted("changed my mind"), "RefundPayment"),
            .hears(refunded, "ReleaseStock"), .hears(released, "CancelOrder"), .hears(cancelled("changed my mind"))),
        Scenario(
            "the payment's success comes after its deadline", ends: .compensated, reason: "payment took too long",
            .hears(created, "ReserveStock"), .hears(shipped), .hears(reserved, "ProcessPayment"),
            .waits(.seconds(1_000), "RefundPayment"), .hears(processed), .hears(refunded, "ReleaseStock"),
            .hears(released, "CancelOrder"), .hears(cancelled("payment took too long"))),
        Scenario(
            "inventory is away for hours", ends: .compensated, reason: "stock took too long",
            .hears(created, "ReserveStock"), .hears(shipped), .waits(.seconds(1_000), "ReleaseStock"),
            .waits(.seconds(30), "ReleaseStock"), .waits(.seconds(60), "ReleaseStock"),
            .hears(.stockReleased(items: []), "CancelOrder"), .hears(cancelled("stock took too long"))),
        Scenario(
            "the refund is refused twice", ends: .compensated, reason: "gone",
            .hears(created, "ReserveStock"), .hears(reserved, "ProcessPayment"), .hears(processed),
            .hears(wanted("gone"), "RefundPayment"), .hears(.paymentRefundFailed(reason: "later")),
            .waits(.seconds(1), "RefundPayment"), .hears(.paymentRefundFailed(reason: "later")),
            .waits(.seconds(2), "RefundPayment"), .hears(refunded, "ReleaseStock"), .hears(released, "CancelOrder"),
            .hears(cancelled("gone"))),
        Scenario(
            "the order service hears no confirmation", ends: .completed,
            .hears(created, "ReserveStock"), .hears(reserved, "ProcessPayment"), .hears(shipped),
            .hears(processed, "ConfirmOrder"), .waits(.seconds(15), "ConfirmOrder"), .hears(confirmed)),
        Scenario(
            "everything twice", ends: .completed,
            .hears(created, "ReserveStock"), .hears(created), .hears(shipped), .hears(shipped),
            .hears(reserved, "ProcessPayment"), .hears(reserved), .hears(processed, "ConfirmOrder"), .hears(processed),
            .hears(confirmed), .hears(confirmed)),
        Scenario(
            "the answers come before the question is known", ends: .completed,
            .hears(shipped), .hears(reserved), .hears(processed), .hears(created, "ConfirmOrder"), .hears(confirmed)),
        Scenario(
            "the stock is given back unasked", ends: .compensated, reason: "StockReleased",
            .hears(created, "ReserveStock"), .hears(reserved, "ProcessPayment"), .hears(released, "RefundPayment"),
            .hears(.paymentVoided, "CancelOrder"), .hears(cancelled("StockReleased"))),
        Scenario(
            "somebody else cancels the order", ends: .compensated, reason: "fraud",
            .hears(created, "ReserveStock"), .hears(reserved, "ProcessPayment"),
            .hears(cancelled("fraud"), "RefundPayment"), .hears(refunded, "ReleaseStock"), .hears(released)),
        Scenario(
            "shipping takes its word back after the confirmation", ends: .completed, needsAttention: true,
            .hears(created, "ReserveStock"), .hears(reserved, "ProcessPayment"), .hears(shipped),
            .hears(processed, "ConfirmOrder"), .hears(.shipmentFailed(reason: "lost")), .hears(confirmed)),
    ]

    @Test(arguments: scenarios) func commandsFollow(_ scenario: Scenario) throws {
        let definition = try FulfilmentSaga.definition(of: .fulfilment)
        var instance = SagaInstance(id: Sample.order.orderID, of: definition)
        var now: Int64 = 1_000_000
        for (index, event) in scenario.story.enumerated() {
            let input: SagaInput
            let expected: [String]
            switch event {
            case .fact(let kind, let commands):
                let fact = kind.of(Sample.order.orderID, at: now)
                input = .fact(type: kind.type, payload: try fact.payload(), messageID: "m\(index)")
                expected = commands
            case .pass(let duration, let commands):
                now += duration.components.seconds * 1_000_000
                input = .deadline
                expected = commands
            }
            let transition = try definition.react(instance, to: input, at: now)
            instance = transition.instance
            #expect(transition.commands.map(\.type) == expected, "event \(index)")
            for command in transition.commands {
                #expect(try decoded(command) is any Command)
                #expect(command.key == Sample.order.orderID)
            }
        }
        #expect(instance.status == scenario.ends)
        #expect(instance.reason == scenario.reason)
        #expect((instance.attention != nil) == scenario.needsAttention)
        #expect(instance.nextDeadline == nil)
    }

    private func decoded(_ command: SagaCommand) throws -> (any MessagePayload)? {
        try FactCatalogue.standard.decode(command.type, EncodedPayload(command.payload))
    }

    @Test func commandsCarryWhatTheyAreAbout() throws {
        let definition = try FulfilmentSaga.definition(of: .fulfilment)
        var instance = SagaInstance(id: Sample.order.orderID, of: definition)
        var sent: [String: AnyHashable] = [:]
        var topics: [String: String] = [:]
        for kind in [Self.created, Self.reserved, Self.wanted("no money"), .paymentVoided, Self.released] {
            let fact = kind.of(Sample.order.orderID, at: 1)
            let transition = try definition.react(
                instance, to: .fact(type: kind.type, payload: try fact.payload(), messageID: "m"), at: 1)
            instance = transition.instance
            for command in transition.commands {
                sent[command.type] = try decoded(command).map { AnyHashable($0) }
                topics[command.type] = command.topic
            }
        }
        let id = Sample.order.orderID
        #expect(sent["ReserveStock"] == AnyHashable(ReserveStock(orderID: id, items: Sample.order.items)))
        #expect(
            sent["ProcessPayment"]
                == AnyHashable(
                    ProcessPayment(orderID: id, userID: "alice", amount: Sample.order.total, paymentToken: "tok_1")))
        #expect(sent["RefundPayment"] == AnyHashable(RefundPayment(orderID: id, reason: "no money")))
        #expect(sent["CancelOrder"] == AnyHashable(CancelOrder(orderID: id, reason: "no money")))
        #expect(
            topics == [
                "ReserveStock": "inventory-commands", "ReleaseStock": "inventory-commands",
                "ProcessPayment": "payment-commands", "RefundPayment": "payment-commands",
                "CancelOrder": "order-commands",
            ])
    }

    @Test func anOrderThatNobodyCanReadIsRefused() throws {
        let definition = try FulfilmentSaga.definition(of: .fulfilment)
        #expect(throws: PayloadError.self) {
            try definition.react(
                SagaInstance(id: "o", of: definition),
                to: .fact(type: OrderCreated.type, payload: Array("{}".utf8), messageID: "m"), at: 0)
        }
    }
}

/// An order for tests.
enum Sample {
    static let order: OrderCreated = {
        guard let currency = Currency(code: "USD") else {
            fatalError("USD is a currency")
        }
        return OrderCreated(
            orderID: "o1", userID: "alice", items: [OrderLine(sku: "ABC", quantity: 2)],
            total: Money(minorUnits: 4999, currency: currency), createdAt: 1,
            paymentToken: "tok_1")
    }()
}
