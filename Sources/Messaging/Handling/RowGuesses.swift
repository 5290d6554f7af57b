import Execution
import Postgres

/// What a group's worker takes for granted of instances, so that it needn't ask: that those which it has moved last are as it
/// has left them, and that there is none yet where the first event of a stream comes.
///
/// The write that follows finds where that was wrong (`SagaStore.save`): another process had the partition meanwhile, the
/// clock or an operator has moved the instance, or a record of its first event had come before. Then the batch is rolled back
/// and comes again, and this time nothing is taken for granted. What is remembered was committed; so a fact that an instance
/// has heard of in here, it has heard of in the table too, whatever else has happened to it.
final class SagaGuesses: Sendable {
    private let moved: RecentRows<SagaKey, StoredSaga>
    /// Connections whose last batch was rolled back; of two workers at most, and so no more are remembered.
    private let doubted = Monitor<[Int32]>([])

    /// Bytes of 1 300 to 2 600 instances.
    static let standardLimit = 4 << 20

    /// - Parameter limit: bytes of instances.
    init(limit: Int = standardLimit) {
        moved = RecentRows(limit: limit) { $0.instance.start.count + $0.log.bytes.count + Self.overhead }
    }

    /// Of an instance beside its start and its log: mostly its steps.
    private static let overhead = 1 << 10

    /// The instances of a batch.
    struct Guessed {
        /// As they were left.
        var sagas: [StoredSaga] = []
        /// Whether there are any others, and how they are, is to be asked.
        var unknown: [SagaKey] = []
    }

    /// Has the end of the transaction under way say whether the next one may take anything for granted.
    ///
    /// - Parameter new: those whose stream begins in this batch.
    func guess(
        _ keys: Set<SagaKey>, new: Set<SagaKey>, on connection: Connection
    ) throws(PostgresError) -> Guessed {
        let known = moved.take(keys, for: connection)
        let process = connection.processID
        let isDoubted = doubted.withLock { $0.contains(process) }
        try connection.whenEnded { [doubted] isCommitted in
            doubted.withLock { doubted in
                doubted.removeAll { $0 == process }
                if !isCommitted { doubted = doubted.suffix(1) + [process] }
            }
        }
        if isDoubted { return Guessed(unknown: keys.sorted()) }
        return Guessed(
            sagas: Array(known.values), unknown: keys.filter { known[$0] == nil && !new.contains($0) }.sorted())
    }

    /// Remembers what was written once it is committed. Of instances that have ended there is no more to come.
    func learn(_ written: [StoredSaga], on connection: Connection) throws(PostgresError) {
        let open = written.filter { $0.instance.endedAt == nil }
        guard !open.isEmpty else { return }
        try connection.whenEnded { [moved] isCommitted in
            if isCommitted { moved.put(open.lazy.map { ($0.key, $0) }, for: connection) }
        }
    }

    /// How many are remembered.
    var count: Int { moved.count }
}
