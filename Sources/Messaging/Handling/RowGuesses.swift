import Execution
import Postgres

/// What a group's worker takes for granted of rows, so that it needn't ask: that those which it has written last are as it
/// has left them, and that there is none yet where a stream begins.
///
/// Who writes by a guess has the write find where it was wrong (a version or status that isn't there, a key that is): another
/// process had the partition meanwhile, an operator or a clock has changed the row, or a record of the same event had come
/// before. Then it throws `ConcurrentChange`: the batch is rolled back and comes again, and this time nothing is taken for
/// granted. What is remembered was committed; so a message that a row has heard of in here, it has heard of in the table too,
/// whatever else has happened to it. Who says something without a write must bear that the row has gone on meanwhile.
///
/// Inlinable, as `RecentRows` is.
package final class RowGuesses<Key: Hashable & Comparable & Sendable, Row: Sendable>: Sendable {
    @usableFromInline let written: RecentRows<Key, Row>
    private let doubts = Monitor<[GuessDoubt]>([])

    /// - Parameters:
    ///   - limit: what is remembered for a connection at most, by the sum of sizes.
    ///   - size: of a row. The same each time.
    package init(limit: Int, size: @escaping @Sendable (Row) -> Int = { _ in 1 }) {
        written = RecentRows(limit: limit, size: size)
    }

    /// The rows of a batch.
    package struct Guessed: Sendable {
        /// As they were left.
        package var known: [Key: Row] = [:]
        /// Whether there are any others, and how they are, is to be asked.
        package var unknown: [Key] = []

        @usableFromInline
        init(known: [Key: Row] = [:], unknown: [Key]) {
            self.known = known
            self.unknown = unknown
        }
    }

    /// Has the end of the transaction under way say whether the next ones may take anything for granted.
    ///
    /// - Parameter new: those whose stream begins in this batch.
    @inlinable
    package func guess(
        _ keys: Set<Key>, new: Set<Key>, on connection: Connection
    ) throws(PostgresError) -> Guessed {
        let known = written.take(keys, for: connection)
        guard try mayGuess(on: connection) else { return Guessed(unknown: keys.sorted()) }
        return Guessed(known: known, unknown: keys.filter { known[$0] == nil && !new.contains($0) }.sorted())
    }

    @usableFromInline
    func mayGuess(on connection: Connection) throws(PostgresError) -> Bool {
        let process = connection.processID
        let mayGuess = doubts.withLock { doubts in !doubts.contains { $0.connection == process && $0.isOn } }
        try connection.whenEnded { [doubts] isCommitted in
            doubts.withLock { doubts in
                var doubt = GuessDoubt(connection: process)
                if let index = doubts.firstIndex(where: { $0.connection == process }) {
                    doubt = doubts.remove(at: index)
                }
                doubt.note(isCommitted: isCommitted)
                // Of two workers at most.
                if doubt.isNeeded { doubts = doubts.suffix(1) + [doubt] }
            }
        }
        return mayGuess
    }

    /// Remembers what was written once it is committed.
    @inlinable
    package func learn(_ rows: [(key: Key, row: Row)], on connection: Connection) throws(PostgresError) {
        guard !rows.isEmpty else { return }
        try connection.whenEnded { [written] isCommitted in
            if isCommitted { written.put(rows, for: connection) }
        }
    }

    /// How many are remembered.
    package var count: Int { written.count }
}

/// For how many batches a connection takes nothing for granted: one behind a batch that was rolled back, and twice as many
/// each time that the first guess after them was wrong again. Where a topic is read once more from its beginning, all are.
struct GuessDoubt: Sendable {
    let connection: Int32
    private var left = 0
    private var span = 0

    static let longest = 64

    init(connection: Int32) { self.connection = connection }

    var isOn: Bool { left > 0 }
    /// Without it one would begin that is the same.
    var isNeeded: Bool { span > 0 }

    mutating func note(isCommitted: Bool) {
        switch (isCommitted, isOn) {
        case (true, true): left -= 1
        case (true, false): span = 0
        case (false, true): break
        case (false, false):
            span = min(max(1, 2 * span), Self.longest)
            left = span
        }
    }
}
