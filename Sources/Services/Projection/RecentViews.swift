import Execution
import OrderflowKit
import Postgres

/// A view, and which version of its row it was read from.
package struct StoredView: Sendable {
    package let view: OrderView
    /// The row's `xmin`: the transaction that wrote it.
    let row: String
    /// Bytes of its first piece, and of all.
    let head: Int
    let size: Int
}

/// The views that were written last: the next facts of an order come soon, and needn't read it again.
///
/// A view in here is a guess at its row. The write that follows holds it against the row's `xmin`, which no other version
/// of the row shares, and a fact that the guess has already isn't believed to be in the table (`OrderViewFold.save`). So
/// nothing goes wrong with a guess after a rollback, another process's write or an exchange of tables.
package final class RecentViews: Sendable {
    fileprivate struct Place {
        let stored: StoredView
        /// Which of the key's entries in `queue` is the last one.
        let number: Int
    }

    fileprivate struct State {
        /// Whose guesses these are: after a reconnection it may be a server that was restored from a backup.
        let connection: Int32
        var places: [OrderKey: Place] = [:]
        /// The oldest first; keys come again, and only the last entry of each counts.
        var queue: [(key: OrderKey, number: Int)] = []
        var first = 0
        var size = 0
        var number = 0
    }

    /// Of pieces; a view takes some four times as much as its pieces.
    private let limit: Int
    /// One for each connection that has one, the latest used last.
    private let states = Monitor<[State]>([])

    /// - Parameter limit: bytes of documents. The standard is some two thousand orders, which are six seconds at 300 a
    ///   second.
    package init(limit: Int = 3 << 20) { self.limit = limit }

    /// Takes out those of `keys` that are here.
    func take(_ keys: some Sequence<OrderKey>, for connection: Connection) -> [OrderKey: StoredView] {
        with(connection, begins: true) { state in
            guard !state.places.isEmpty else { return [:] }
            var taken: [OrderKey: StoredView] = [:]
            for key in keys {
                guard let place = state.places.removeValue(forKey: key) else { continue }
                state.size -= place.stored.size
                taken[key] = place.stored
            }
            return taken
        } ?? [:]
    }

    func put(_ views: some Sequence<(key: OrderKey, stored: StoredView)>, for connection: Connection) {
        with(connection, begins: false) { state in
            for (key, stored) in views {
                state.number += 1
                if let known = state.places.updateValue(Place(stored: stored, number: state.number), forKey: key) {
                    state.size -= known.stored.size
                }
                state.size += stored.size
                state.queue.append((key, state.number))
            }
            while state.size > limit, state.first < state.queue.count {
                let (key, number) = state.queue[state.first]
                state.first += 1
                guard let place = state.places[key], place.number == number else { continue }
                state.places[key] = nil
                state.size -= place.stored.size
            }
            state.tidy()
        }
    }

    /// For tests.
    var count: Int { states.withLock { $0.reduce(0) { $0 + $1.places.count } } }

    /// Connections that have guesses: of the group's two workers. An order's facts come to one of them.
    private static let connections = 2

    /// Nil where the connection has none, and none is begun.
    private func with<Result>(
        _ connection: Connection, begins: Bool, _ body: (inout State) -> Result
    ) -> Result? {
        states.withLock { states in
            var state: State
            if let index = states.firstIndex(where: { $0.connection == connection.processID }) {
                state = states.remove(at: index)
            } else if begins {
                if states.count == Self.connections { states.removeFirst() }
                state = State(connection: connection.processID)
            } else {
                return nil
            }
            defer { states.append(state) }
            return body(&state)
        }
    }
}

extension RecentViews.State {
    /// Lets go of entries that don't count, when they are most of the queue.
    fileprivate mutating func tidy() {
        guard queue.count > 256, queue.count > 4 * places.count else { return }
        queue = queue[first...].filter { places[$0.key]?.number == $0.number }
        first = 0
    }
}
