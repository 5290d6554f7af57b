import Orders

/// What invoices and sales have to know of an order, folded from facts that may come twice, and in any order.
struct Purchase: Hashable, Sendable {
    /// The last one that was reached counts.
    enum Status: Int32, Sendable, CaseIterable {
        case pending, confirmed, cancelled
    }

    let key: OrderKey
    /// Nil until `OrderCreated` is seen.
    var order: OrderCreated?
    var status = Status.pending

    init(_ key: OrderKey) { self.key = key }

    static let types: Set<String> = [FactType.orderCreated, FactType.orderConfirmed, FactType.orderCancelled]

    mutating func apply(_ fact: OrderFact) {
        switch fact.kind {
        // The first announcement of an order is the one that counts, as in the event store.
        case .orderCreated(let created): order = order ?? created
        case .orderConfirmed: advance(to: .confirmed)
        case .orderCancelled: advance(to: .cancelled)
        default: break
        }
    }

    private mutating func advance(to new: Status) {
        if new.rawValue > status.rawValue { status = new }
    }
}
