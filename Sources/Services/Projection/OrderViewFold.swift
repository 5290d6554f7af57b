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
                    // Of all others nobody looks at it again, and there may be many.
                    json: OrderView.part(type(of: fact)) == nil ? message.payload : [],
                    schemaVersion: message.schemaVersion)))
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
        let folded = fold(slot, over: loaded)
        return folded.hasChanged ? folded.view : nil
    }

    private func fold(_ slot: Slot, over loaded: OrderView?) -> (view: OrderView, hasChanged: Bool, hasCopies: Bool) {
        var view = loaded ?? OrderView(orderID: slot.key.orderID)
        var hasChanged = false
        var hasCopies = false
        var place = slot.first
        while place >= 0 {
            if view.apply(facts[place].fact) { hasChanged = true } else { hasCopies = true }
            place = facts[place].next
        }
        return (view, hasChanged, hasCopies)
    }
}

extension OrderViewFold: HistoryFold {
    package func write(on connection: Connection) throws { try save(on: connection) }

    /// New views are inserted where they are fewer than this, for COPY takes round trips of its own, and where they are less than
    /// half: what is copied isn't remembered, and the facts that come next of such an order have it read.
    private static func isToBeCopied(new: Int, of all: Int) -> Bool { new >= 64 && new * 2 >= all }

    /// As `write`. What `recent` knows and what can't have a view yet isn't looked up: the write finds whether that was right.
    ///
    /// - Parameters:
    ///   - recent: the views that were written last.
    ///   - channel: notified of what is written.
    package func save(
        on connection: Connection, knowing recent: RecentViews? = nil, telling channel: String? = nil
    ) throws {
        let known = recent?.take(slots.lazy.map(\.key), for: connection) ?? [:]
        func isNew(_ slot: Slot) -> Bool { slot.isNew && known[slot.key] == nil }
        var rest = slots
        if Self.isToBeCopied(new: slots.count(where: isNew), of: slots.count),
            try OrderViewRows.canBeCopied(on: connection)
        {
            do {
                try connection.savepoint { try copy(slots.filter(isNew), on: $0) }
                rest = slots.filter { !isNew($0) }
                if let channel { try connection.notify(channel) }
            } catch is ConcurrentChange {}
        }
        for part in Self.parts(rest) { try save(part, over: known, recent, channel, on: connection) }
    }

    private func save(
        _ slots: some Sequence<Slot>, over known: [OrderKey: StoredView], _ recent: RecentViews?, _ channel: String?,
        on connection: Connection
    ) throws {
        var changes: [OrderViewRows.Change] = []
        var unknown: [Slot] = []
        for slot in slots {
            let guess = known[slot.key]
            guard guess != nil || slot.isNew else {
                unknown.append(slot)
                continue
            }
            let folded = fold(slot, over: guess?.view)
            if guess != nil, folded.hasCopies {
                // Whether the table has them too, only the table knows.
                unknown.append(slot)
            } else {
                changes.append(OrderViewRows.Change(key: slot.key, view: folded.view, base: guess))
            }
        }
        changes += try self.changes(unknown, on: connection)
        changes.sort { $0.key < $1.key }
        let (stored, late) = try OrderViewRows.save(changes, telling: channel, on: connection)
        recent?.put(stored, for: connection)
        guard !late.isEmpty else { return }
        let again = try self.changes(slots.filter { late.contains($0.key) }, on: connection)
        let second = try OrderViewRows.save(again.sorted { $0.key < $1.key }, telling: channel, on: connection)
        // A foreign producer put facts of one order under two keys, and two consumers have them now.
        if let key = second.late.first { throw ConcurrentChange(streamID: key.orderID) }
        recent?.put(second.stored, for: connection)
    }

    /// Orders that are read and written at once. A view in memory takes ten times its facts, and a rebuild has many.
    private static let part = 500

    /// As they are where one part is enough; else in the order of their keys, the one order in which rows are locked.
    private static func parts(_ slots: [Slot]) -> [ArraySlice<Slot>] {
        guard slots.count > part else { return [slots[...]] }
        let sorted = slots.sorted { $0.key < $1.key }
        return stride(from: 0, to: sorted.count, by: part).map { sorted[$0..<min($0 + part, sorted.count)] }
    }

    /// What the facts change in the table.
    private func changes(_ slots: [Slot], on connection: Connection) throws -> [OrderViewRows.Change] {
        let loaded = try OrderViewRows.load(slots.map(\.key).sorted(), on: connection)
        return slots.compactMap { slot in
            let base = loaded[slot.key]
            return view(slot, over: base?.view).map { OrderViewRows.Change(key: slot.key, view: $0, base: base) }
        }
    }

    /// They are folded while it goes on, and the server works on one row while the next is made. `ConcurrentChange` says that
    /// one is there after all, such as from a second copy of its first fact.
    private func copy(_ new: [Slot], on connection: Connection) throws {
        try OrderViewRows.copy(
            new.lazy.compactMap { slot in view(slot, over: nil).map { (slot.key, $0) } }, on: connection)
    }
}
