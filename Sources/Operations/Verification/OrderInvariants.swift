import NotificationFacts
import OrderFacts
import Orders
import PaymentFacts
import ShippingFacts

/// What must hold of every order (docs/guarantees.md), decided from the evidence alone.
public enum OrderInvariants {
    /// Where an order is.
    public enum Place: Hashable, Sendable {
        case confirmed, cancelled
        /// Not at its end, and what it waits for.
        case running(String)
        /// Changed too recently for its effects to have to be everywhere.
        case moving
        /// Nowhere: the event store hasn't got it, and must have.
        case unknown
    }

    public struct Finding: Hashable, Sendable {
        public let place: Place
        /// Broken promises, in words.
        public let broken: [String]
    }

    /// - Parameter settledBefore: an order that changed at this time (microseconds since the Unix epoch) or later may
    ///   still have effects on their way.
    public static func check(_ order: OrderEvidence, settledBefore: Int64) -> Finding {
        guard order.changedAt < settledBefore else { return Finding(place: .moving, broken: []) }
        guard !order.events.isEmpty else { return stranger(order, settledBefore) }
        var broken = history(order) + doubled(order)
        let types = Set(order.events.map(\.type))
        if let reason = waiting(order) { return Finding(place: .running(reason), broken: broken) }
        broken += readModel(order)
        if types.contains(OrderConfirmed.type) {
            return Finding(place: .confirmed, broken: broken + confirmed(order))
        }
        if types.contains(OrderCancelled.type) {
            return Finding(place: .cancelled, broken: broken + cancelled(order))
        }
        if types.contains(OrderWithdrawn.type) {
            return Finding(place: .cancelled, broken: broken + withdrawn(order))
        }
        return Finding(place: .running(progress(order)), broken: broken)
    }

    // MARK: Always

    /// The event store's stream, and the same stream on the topic.
    private static func history(_ order: OrderEvidence) -> [String] {
        var broken: [String] = []
        if order.events.map(\.version) != Array(1...order.events.count) {
            broken.append("the stream has versions \(order.events.map(\.version))")
        }
        let types = order.events.map(\.type)
        if types.first != OrderCreated.type, types.first != OrderScheduled.type {
            broken.append("the stream begins neither with OrderCreated nor with OrderScheduled")
        }
        if types.contains(OrderWithdrawn.type), types.contains(OrderCreated.type) {
            broken.append("both placed and withdrawn")
        }
        for type in [OrderCreated.type, OrderConfirmed.type, OrderCancelled.type, OrderWithdrawn.type] {
            let count = types.count { $0 == type }
            if count > 1 { broken.append("\(count) \(type) in the stream") }
        }
        if types.contains(OrderConfirmed.type), types.contains(OrderCancelled.type) {
            broken.append("both confirmed and cancelled")
        }
        let published = Set(order.facts.map(\.id))
        for event in order.events where event.isPublished && !event.isAdopted && !published.contains(event.id) {
            broken.append("\(event.type) \(event.id) is not on the topic")
        }
        let stored = Set(order.events.map(\.id))
        for fact in order.facts where fact.streamVersion != nil && !stored.contains(fact.id) {
            broken.append("\(fact.type) \(fact.id) on the topic is not in the event store")
        }
        return broken
    }

    /// Effects that may happen once.
    private static func doubled(_ order: OrderEvidence) -> [String] {
        var broken: [String] = []
        func once(_ type: String, _ what: String) {
            let details = Set(order.facts.filter { $0.type == type }.compactMap(\.detail))
            if details.count > 1 { broken.append("\(what) \(details.count) times: \(details.sorted())") }
        }
        once(PaymentProcessed.type, "charged")
        once(PaymentRefunded.type, "refunded")
        once(ShipmentCreated.type, "a shipment prepared")
        once(ShipmentDispatched.type, "dispatched")
        var told: [String: Int] = [:]
        for fact in order.facts where fact.type == NotificationSent.type {
            told[fact.detail ?? "", default: 0] += 1
        }
        for (kind, count) in told.sorted(by: { $0.key < $1.key }) where count > 1 {
            broken.append("mail \(kind) told of \(count) times")
        }
        return broken
    }

    // MARK: Not in the event store

    /// Other producers may announce orders, which the order service takes from the topic. Nobody else knows any but by facts.
    private static func stranger(_ order: OrderEvidence, _ settledBefore: Int64) -> Finding {
        let doubled = doubled(order)
        if order.facts.contains(where: { $0.streamVersion != nil }) {
            return Finding(place: .unknown, broken: ["is on the topic, but not in the event store"] + doubled)
        }
        if !order.parkedBy.isEmpty { return Finding(place: .running(parked(order)), broken: doubled) }
        if order.facts.contains(where: { $0.type == OrderCreated.type }) {
            return Finding(place: .running("the order service hasn't taken it yet"), broken: doubled)
        }
        guard order.facts.isEmpty else {
            return Finding(place: .running("nobody has announced it"), broken: doubled)
        }
        // It may have been announced since the topic was read.
        guard order.view.map({ $0.toldAt < settledBefore }) ?? true else { return Finding(place: .moving, broken: []) }
        let known = [
            order.reservation.map { "stock \($0)" }, order.payment.map { "payment \($0.status)" },
            order.shipment.map { "shipment \($0)" }, order.view.map { "read model \($0.status)" },
            order.saga.map { "saga \($0.status)" },
        ]
        let mails = order.mails.map { "mail \($0.kind) \($0.status)" }.sorted()
        let all = (known.compactMap { $0 } + mails).joined(separator: ", ")
        return Finding(place: .unknown, broken: ["neither in the event store nor on the topic: \(all)"])
    }

    private static func parked(_ order: OrderEvidence) -> String {
        "parked behind a dead letter of \(order.parkedBy.sorted().joined(separator: ", "))"
    }

    // MARK: On the way

    /// Why nothing can be asked of the order's end yet.
    private static func waiting(_ order: OrderEvidence) -> String? {
        if !order.parkedBy.isEmpty { return parked(order) }
        if order.events.contains(where: { !$0.isPublished }) { return "the relay is behind" }
        let behind = order.facts.reduce(into: Set<String>()) { $0.formUnion($1.unreadBy) }
        if !behind.isEmpty { return "\(behind.sorted().joined(separator: ", ")) behind" }
        if order.mails.contains(where: { $0.status == "pending" }) { return "a mail is waiting" }
        return nil
    }

    private static func progress(_ order: OrderEvidence) -> String {
        if order.events.last?.type == OrderScheduled.type { return "waits for its time" }
        guard let saga = order.saga else { return "not confirmed and not cancelled" }
        return "saga \(saga.status)" + (saga.attention.map { ": \($0)" } ?? "")
    }

    // MARK: At the end

    private static func readModel(_ order: OrderEvidence) -> [String] {
        guard let view = order.view else { return ["the read model doesn't have it"] }
        var broken: [String] = []
        let facts = Set(order.facts.map(\.id))
        let missing = Set(
            order.facts.filter { !view.facts.contains($0.id) && !view.facts.contains($0.plainID ?? $0.id) }.map(\.id))
        let invented = view.facts.subtracting(facts).subtracting(order.facts.compactMap(\.plainID))
        if !missing.isEmpty { broken.append("the read model lacks \(missing.sorted())") }
        if !invented.isEmpty { broken.append("the read model has \(invented.sorted()), the topic hasn't") }
        let status = OrderStatus(last: order.events.last?.type).rawValue
        if view.status != status { broken.append("the read model says \(view.status), the event store \(status)") }
        return broken
    }

    private static func confirmed(_ order: OrderEvidence) -> [String] {
        var broken: [String] = []
        expect("stock", order.reservation, ["consumed"], &broken)
        expect("payment", order.payment?.status, ["charged"], &broken)
        expect("shipment", order.shipment, ["dispatched"], &broken)
        mails(order, sent: "order-confirmed", not: ["order-cancelled", "payment-refunded"], &broken)
        for type in [PaymentProcessed.type, ShipmentDispatched.type]
        where !order.facts.contains(where: { $0.type == type }) {
            broken.append("confirmed without \(type)")
        }
        if let saga = order.saga { expect("saga", saga.status, ["completed"], &broken) }
        return broken
    }

    private static func cancelled(_ order: OrderEvidence) -> [String] {
        var broken: [String] = []
        expect("stock", order.reservation, [nil, "rejected", "released"], &broken)
        expect("payment", order.payment?.status, [nil, "announced", "declined", "voided", "refunded"], &broken)
        expect("shipment", order.shipment, [nil, "failed", "cancelled"], &broken)
        mails(order, sent: "order-cancelled", not: ["order-confirmed"], &broken)
        let isCharged = order.facts.contains { $0.type == PaymentProcessed.type }
        if isCharged, !order.facts.contains(where: { $0.type == PaymentRefunded.type }) {
            broken.append("cancelled and charged, but not refunded")
        }
        if order.facts.contains(where: { $0.type == ShipmentDispatched.type }) {
            broken.append("cancelled, but dispatched")
        }
        if let saga = order.saga { expect("saga", saga.status, ["compensated"], &broken) }
        return broken
    }

    /// Nobody has done anything for an order that was never placed.
    private static func withdrawn(_ order: OrderEvidence) -> [String] {
        var broken: [String] = []
        expect("stock", order.reservation, [nil], &broken)
        expect("payment", order.payment?.status, [nil], &broken)
        expect("shipment", order.shipment, [nil], &broken)
        for mail in order.mails where mail.kind != "order-reminder" {
            broken.append("has a \(mail.kind) mail and was never placed")
        }
        if let saga = order.saga { broken.append("the saga is \(saga.status), and the order was never placed") }
        return broken
    }

    private static func expect(_ what: String, _ status: String?, _ allowed: [String?], _ broken: inout [String]) {
        guard !allowed.contains(status) else { return }
        broken.append(
            "\(what) is \(status ?? "missing"), not \(allowed.map { $0 ?? "missing" }.joined(separator: " or "))")
    }

    private static func mails(
        _ order: OrderEvidence, sent: String, not unwanted: [String], _ broken: inout [String]
    ) {
        // Who has no address has been promised no mail.
        let count = order.mails.count { $0.kind == sent && ["sent", "unaddressed", "expired"].contains($0.status) }
        if count != 1 {
            let states = order.mails.filter { $0.kind == sent }.map { mail in
                mail.status + (mail.error.map { ": \($0)" } ?? "")
            }
            broken.append("\(count) \(sent) mails sent\(states.isEmpty ? "" : ", but \(states)")")
        }
        for kind in unwanted where order.mails.contains(where: { $0.kind == kind }) {
            broken.append("has a \(kind) mail")
        }
    }
}
