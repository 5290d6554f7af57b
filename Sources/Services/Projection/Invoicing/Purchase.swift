import OrderFacts
import OrderflowKit
import Orders

/// What invoices and sales have to know of an order, folded from facts that may come twice, and in any order.
package struct Purchase: Hashable, Sendable {
    /// The last one that was reached counts.
    package enum Status: Int32, Sendable, CaseIterable {
        case pending, confirmed, cancelled
    }

    package let key: OrderKey
    /// Nil until `OrderCreated` is seen.
    package var order: OrderCreated?
    package var status = Status.pending

    package init(_ key: OrderKey) { self.key = key }

    package static let reads: FactCatalogue = [OrderCreated.self, OrderConfirmed.self, OrderCancelled.self]

    package mutating func apply(_ fact: any MessagePayload) {
        switch fact {
        // The first announcement of an order is the one that counts, as in the event store.
        case let created as OrderCreated: order = order ?? created
        case is OrderConfirmed: advance(to: .confirmed)
        case is OrderCancelled: advance(to: .cancelled)
        default: break
        }
    }

    private mutating func advance(to new: Status) {
        if new.rawValue > status.rawValue { status = new }
    }
}
