import Execution
import Postgres

/// Rows that a handler wrote last: the next messages about them come soon, and needn't read them again.
///
/// A row in here is a guess at the one in the table. Who writes by it holds it against the row's `xmin`, the transaction that
/// wrote it, which no other version of the row shares: so nothing goes wrong with a guess after another process's write or an
/// exchange of tables.
package final class RecentRows<Key: Hashable & Sendable, Row: Sendable>: Sendable {
    fileprivate struct Place: Sendable {
        let row: Row
        /// Which of the key's entries in `queue` is the last one.
        let number: Int
    }

    fileprivate struct State: Sendable {
        /// Whose guesses these are: after a reconnection it may be a server that was restored from a backup.
        let connection: Int32
        var places: [Key: Place] = [:]
        /// The oldest first; keys come again, and only the last entry of each counts.
        var queue: [(key: Key, number: Int)] = []
        var first = 0
        var size = 0
        var number = 0
    }

    private let limit: Int
    private let size: @Sendable (Row) -> Int
    /// One for each connection that has one, the latest used last.
    private let states = Monitor<[State]>([])

    /// - Parameters:
    ///   - limit: what is remembered for a connection at most, by the sum of sizes; the oldest go first.
    ///   - size: of a row. The same each time.
    package init(limit: Int, size: @escaping @Sendable (Row) -> Int) {
        self.limit = limit
        self.size = size
    }

    /// Takes out those of `keys` that are here.
    package func take(_ keys: some Sequence<Key>, for connection: Connection) -> [Key: Row] {
        with(connection, begins: true) { state in
            guard !state.places.isEmpty else { return [:] }
            var taken: [Key: Row] = [:]
            for key in keys {
                guard let place = state.places.removeValue(forKey: key) else { continue }
                state.size -= size(place.row)
                taken[key] = place.row
            }
            return taken
        } ?? [:]
    }

    package func put(_ rows: some Sequence<(key: Key, row: Row)>, for connection: Connection) {
        with(connection, begins: false) { state in
            for (key, row) in rows {
                state.number += 1
                if let known = state.places.updateValue(Place(row: row, number: state.number), forKey: key) {
                    state.size -= size(known.row)
                }
                state.size += size(row)
                state.queue.append((key, state.number))
            }
            while state.size > limit, state.first < state.queue.count {
                let (key, number) = state.queue[state.first]
                state.first += 1
                guard let place = state.places[key], place.number == number else { continue }
                state.places[key] = nil
                state.size -= size(place.row)
            }
            state.tidy()
        }
    }

    /// How many are remembered, for all connections together.
    package var count: Int { states.withLock { $0.reduce(0) { $0 + $1.places.count } } }

    /// Connections that have guesses: of a group's two workers. The messages of a key come to one of them.
    private static var connections: Int { 2 }

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

extension RecentRows.State {
    /// Lets go of entries that don't count, when they are most of the queue.
    fileprivate mutating func tidy() {
        guard queue.count > 256, queue.count > 4 * places.count else { return }
        queue = queue[first...].filter { places[$0.key]?.number == $0.number }
        first = 0
    }
}
