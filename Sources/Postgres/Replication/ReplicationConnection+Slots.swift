import CLibpq
import Execution

/// A logical replication slot that was just made.
public struct MadeSlot: Sendable, Equatable {
    public let name: String
    /// What is committed behind it is sent.
    public let start: LogPosition
    /// The same as a `pg_snapshot`: it sees exactly the transactions that were committed before, which are the ones that aren't
    /// sent. A snapshot that is taken beside it can differ: a commit is in the log for a moment before it is seen.
    public let snapshot: String
}

extension ReplicationConnection {
    /// Makes a slot for the output plugin pgoutput.
    ///
    /// It waits for every transaction, in any database of the server, that has written and was open when it began: throws
    /// `.server(.queryCanceled)` or `.server(.lockNotAvailable)` when that takes longer than `limit` or `stop` stops, and
    /// no slot is left then.
    public func createSlot(
        _ name: String, within limit: Duration, until stop: StopSignal
    ) throws(PostgresError) -> MadeSlot {
        try command("SET lock_timeout = \(limit.wholeMilliseconds)")
        try command("BEGIN READ ONLY ISOLATION LEVEL REPEATABLE READ")
        // As PostgreSQL 14 wants it, which later versions take too.
        let create = "CREATE_REPLICATION_SLOT \(quoteIdentifier(name)) LOGICAL pgoutput USE_SNAPSHOT"
        let made = try command(create, within: limit, until: stop)
        let seen = try command("SELECT pg_current_snapshot()")
        try command("COMMIT")
        guard let start = made.first?.dropFirst().first.flatMap({ $0 }).flatMap({ LogPosition($0) }),
            let snapshot = seen.first?.first.flatMap({ $0 })
        else { throw PostgresError(.decoding, "not the answer that the documentation describes", sql: create) }
        return MadeSlot(name: name, start: start, snapshot: snapshot)
    }

    /// As `command`, cancelled when it takes too long or isn't wanted any more.
    private func command(
        _ text: String, within limit: Duration, until stop: StopSignal
    ) throws(PostgresError) -> [[String?]] {
        let cancel = CancelHandle(link.raw)
        guard PQsendQuery(link.raw, text) == 1 else { throw link.lost(text) }
        try link.flush(text)
        let deadline = ContinuousClock.now + limit
        while PQisBusy(link.raw) == 1 {
            if try link.awaitInput(until: deadline, or: stopDescriptor(stop)) { continue }
            guard PQisBusy(link.raw) == 1, stop.isStopped || .now >= deadline else { continue }
            cancel.cancel(timeout: configuration.responseGrace)
            break
        }
        return try answer(to: text)
    }
}
