import Messaging
import OrderFacts
import OrderflowKit
import Orders
import Postgres

/// Facts of many orders, on their way into the orders' views.
package struct OrderViewFold: Sendable {
    package typealias Folded = (key: OrderKey, view: OrderView)

    /// What there is of one order: a chain through `facts`.
    private struct Slot: Sendable {
        let key: OrderKey
        let first: Int
        var last: Int
        /// The first fact is the first one of the order's stream: a view of it is hardly there yet.
        let isNew: Bool
    }

    private struct Fact: Sendable {
        let fact: FoldedFact
        var next = -1
    }

    private let known: FactCatalogue
    private var slots: [Slot] = []
    private var facts: [Fact] = []
    private var indices: [OrderKey: Int]

    /// - Parameter facts: all of the installation.
    package init(_ facts: FactCatalogue, capacity: Int = 0) {
        known = facts
        indices = Dictionary(minimumCapacity: capacity)
        self.facts.reserveCapacity(capacity)
        slots.reserveCapacity(capacity)
    }

    package mutating func add(_ message: InboundMessage) throws(MessageRejected) {
        guard let fact = try message.payload(of: known) else { return }
        let key = OrderKey(tenant: message.tenant, orderID: fact.key)
        let place = facts.count
        facts.append(
            Fact(
                fact: FoldedFact(
                    payload: fact, id: message.id, origin: message.origin, streamVersion: message.streamVersion,
                    json: message.payload, schemaVersion: message.schemaVersion)))
        if let index = indices[key] {
            facts[slots[index].last].next = place
            slots[index].last = place
            return
        }
        indices[key] = slots.count
        let isCreation = type(of: fact) == OrderCreated.self
        slots.append(
            Slot(key: key, first: place, last: place, isNew: isCreation && message.streamVersion ?? 1 == 1))
    }

    /// Of all orders that facts were added of.
    package var keys: [OrderKey] { slots.map(\.key) }

    /// The views that the facts change, on top of `loaded`; each is made when it is asked for.
    package func views(over loaded: [OrderKey: OrderView]) -> some Sequence<Folded> {
        slots.lazy.compactMap { slot in view(slot, over: loaded[slot.key]).map { (slot.key, $0) } }
    }

    /// Nil when the facts change nothing.
    private func view(_ slot: Slot, over loaded: OrderView?) -> OrderView? {
        var view = loaded ?? OrderView(orderID: slot.key.orderID)
        var hasChanged = false
        var place = slot.first
        while place >= 0 {
            if view.apply(facts[place].fact) { hasChanged = true }
            place = facts[place].next
        }
        return hasChanged ? view : nil
    }
}

extension OrderViewFold: HistoryFold {
    package func write(on connection: Connection) throws { _ = try save(on: connection) }

    /// Fewer new views than this are inserted: COPY takes round trips of its own.
    private static let copiedAtLeast = 64

    /// As `write`. False when no view changed.
    ///
    /// Of many new orders, looks up only those that may have a view. Where one that can't have was there after all,
    /// such as from a second copy of its first fact, all are looked up.
    package func save(on connection: Connection) throws -> Bool {
        let mayBeThere = slots.filter { !$0.isNew }.map(\.key)
        if slots.count - mayBeThere.count >= Self.copiedAtLeast {
            do {
                return try connection.savepoint {
                    try save(over: OrderViewRows.load(mayBeThere.sorted(), on: $0), on: $0)
                }
            } catch is ConcurrentChange {}
        }
        return try save(over: OrderViewRows.load(keys.sorted(), on: connection), on: connection)
    }

    private func save(over loaded: [OrderKey: OrderView], on connection: Connection) throws -> Bool {
        guard slots.count - loaded.count >= Self.copiedAtLeast, try OrderViewRows.canBeCopied(on: connection) else {
            let changed = views(over: loaded).sorted { $0.key < $1.key }
            try OrderViewRows.save(changed, loaded, on: connection)
            return !changed.isEmpty
        }
        // Folded while it is copied: the server works on one row while the next is made.
        let new = slots.lazy.filter { loaded.isEmpty || loaded[$0.key] == nil }
        try OrderViewRows.copy(
            new.compactMap { slot in view(slot, over: nil).map { (slot.key, $0) } }, on: connection)
        let old = slots.filter { !loaded.isEmpty && loaded[$0.key] != nil }.compactMap { slot in
            view(slot, over: loaded[slot.key]).map { (slot.key, $0) }
        }
        try OrderViewRows.save(old, loaded, on: connection)
        return true
    }
}
