import Postgres

/// What a leader that reads the log has published: a snapshot of PostgreSQL's all of whose rows are out, and the
/// transactions that came from the log since.
///
/// The log has transactions in the order of their commit records; snapshots see them in the order in which their sessions got
/// to say so, a moment later. So a place in the log is no snapshot. But a snapshot that was taken before a place sees
/// nothing that was committed behind it: once the log is published up to there, all that the snapshot sees is out. It
/// is the new base then, and only what came from the log besides has to be named.
struct LogPublished {
    private(set) var base: TransactionSet
    private var besides: Set<UInt64> = []
    private var partly: (transaction: UInt64, position: Int64)?
    private var expected: (base: TransactionSet, at: LogPosition, since: ContinuousClock.Instant)?

    /// A checkpoint names at most so many transactions: some hundred kilobytes, and no shop has so many others between two
    /// of its own unless it is far behind.
    private static let limit = 50_000

    init(_ base: TransactionSet) { self.base = base }

    /// All of it is out.
    func contains(_ transaction: UInt64) -> Bool { besides.contains(transaction) || base.contains(transaction) }

    mutating func note(_ page: RelayLogReader.Page) {
        if !page.transactions.isEmpty { partly = nil }
        besides.formUnion(page.transactions)
        if let part = page.partly { partly = part }
    }

    /// Whether a new base is on its way.
    var isExpecting: Bool { expected != nil }

    /// The log hasn't got there for a while. A server at rest may leave the end of its log unwritten, and unsent, until
    /// somebody commits.
    var isLate: Bool { expected.map { $0.since.duration(to: .now) >= Self.usual } ?? false }

    mutating func waitAgain() { expected?.since = .now }

    private static let usual: Duration = .milliseconds(200)

    /// - Parameters:
    ///   - snapshot: taken before the log had got to `place`.
    mutating func expect(_ snapshot: TransactionSet, at place: LogPosition) { expected = (snapshot, place, .now) }

    /// The log is published up to `end`. Whether that makes a new base.
    mutating func reach(_ end: LogPosition) -> Bool {
        guard let expected, end >= expected.at else { return false }
        base = expected.base
        besides = besides.filter { !base.contains($0) }
        self.expected = nil
        return true
    }

    /// Exactly this, as windows could go on from it. Nil where it can't be said in few words.
    func checkpoint(published: Int64) -> RelayCheckpoint? {
        guard let seen = base.union(besides, limit: Self.limit) else { return nil }
        var checkpoint = RelayCheckpoint(seen: seen.description, published: published)
        if let partly {
            guard let reach = seen.union([partly.transaction], limit: Self.limit) else { return nil }
            checkpoint.reach = reach.description
            checkpoint.position = partly.position
        }
        return checkpoint
    }
}
