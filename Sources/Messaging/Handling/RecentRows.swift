import Execution
import Postgres

/// Rows that a handler wrote last: the next messages about them come soon, and needn't read them again.
///
/// A row in here is a guess at the one in the table. Who writes by it holds it against the row's `xmin`, the transaction that
/// wrote it, which no other version of the row shares: so nothing goes wrong with a guess after another process's write or an
/// exchange of tables.
///
/// Inlinable, since its users are in other modules: a key is looked up several times for each row that is written.
package final class RecentRows<Key: Hashable & Sendable, Row: Sendable>: Sendable {
    /// Two generations: the older one goes when the newer one is full. So the rows of the last half of the limit are here, and
    /// those that were taken out leave nothing to tidy.
    @usableFromInline
    struct State: Sendable {
        /// Whose guesses these are: after a reconnection it may be a server that was restored from a backup.
        @usableFromInline let connection: Int32
        @usableFromInline var newer: [Key: Row] = [:]
        @usableFromInline var older: [Key: Row] = [:]
        /// Of the newer ones.
        @usableFromInline var size = 0

        @inlinable
        init(connection: Int32) { self.connection = connection }
    }

    @usableFromInline let limit: Int
    @usableFromInline let size: @Sendable (Row) -> Int
    /// One for each connection that has one, the latest used last.
    @usableFromInline let states = Monitor<[State]>([])

    /// - Parameters:
    ///   - limit: what is remembered for a connection at most, by the sum of sizes; at least half of it is.
    ///   - size: of a row. The same each time.
    package init(limit: Int, size: @escaping @Sendable (Row) -> Int) {
        self.limit = limit
        self.size = size
    }

    /// Takes out those of `keys` that are here.
    @inlinable
    package func take(_ keys: some Sequence<Key>, for connection: Connection) -> [Key: Row] {
        with(connection, begins: true) { state in
            guard !state.newer.isEmpty || !state.older.isEmpty else { return [:] }
            var taken: [Key: Row] = [:]
            for key in keys {
                if let row = remove(key, from: &state) { taken[key] = row }
            }
            return taken
        } ?? [:]
    }

    @inlinable
    package func put(_ rows: some Sequence<(key: Key, row: Row)>, for connection: Connection) {
        with(connection, begins: false) { state in
            for (key, row) in rows {
                let size = size(row)
                guard size <= limit / 2 else {
                    // What is here of it isn't so any more.
                    remove(key, from: &state)
                    continue
                }
                if state.size + size > limit / 2 {
                    state.older = state.newer
                    state.newer = [:]
                    state.size = 0
                }
                state.size += size
                if let former = state.newer.updateValue(row, forKey: key) { state.size -= self.size(former) }
            }
        }
    }

    /// Out of both generations; the newer one counts.
    @inlinable
    @discardableResult
    func remove(_ key: Key, from state: inout State) -> Row? {
        let older = state.older.removeValue(forKey: key)
        guard let row = state.newer.removeValue(forKey: key) else { return older }
        state.size -= size(row)
        return row
    }

    /// How many are remembered, for all connections together.
    package var count: Int { states.withLock { $0.reduce(0) { $0 + $1.newer.count + $1.older.count } } }

    /// Connections that have guesses: of a group's two workers. The messages of a key come to one of them.
    @inlinable
    static var connections: Int { 2 }

    /// Nil where the connection has none, and none is begun.
    @inlinable
    @discardableResult
    func with<Result>(_ connection: Connection, begins: Bool, _ body: (inout State) -> Result) -> Result? {
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
