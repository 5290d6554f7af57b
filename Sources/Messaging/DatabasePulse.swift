import Execution
import Logging
import Postgres

/// Asks a database every second whether it answers and takes writes, on a thread and a connection of its own: workers
/// that are idle wouldn't notice that it doesn't, and workers that wait for it can't tell.
public final class DatabasePulse: Sendable {
    private static let interval: Duration = .seconds(1)

    public let name: String
    /// Of the server, as of the last answer.
    public let writes = WriteMark()
    private let database: PostgresConfiguration
    private let needsWrites: Bool
    private let logger: Logger
    private let readsLog: Bool
    private let state = Monitor<String?>("not connected yet")
    private let long = Monitor<[LongTransactions.Finding]>([])

    /// Long transactions are looked for at so many beats.
    private static let lookout = 15

    /// - Parameters:
    ///   - needsWrites: false where a standby will do.
    ///   - readsLog: whether relays read the server's log.
    public init(
        _ database: PostgresConfiguration, name: String, needsWrites: Bool = true, readsLog: Bool = false,
        logger: Logger
    ) {
        var database = database
        database.connectTimeout = .seconds(2)
        database.statementTimeout = .seconds(2)
        self.database = database
        self.name = name
        self.needsWrites = needsWrites
        self.readsLog = readsLog
        self.logger = logger
    }

    /// Why it can't be used; nil while it can.
    public var problem: String? { state.withLock { $0 } }

    /// Transactions that have been left open for long, and what each keeps from happening.
    package var longTransactions: [LongTransactions.Finding] { long.withLock { $0 } }

    /// Blocks the calling thread until `stop`. Throws only what has to be configured otherwise.
    public func run(until stop: StopSignal) throws {
        var kept: Connection?
        var lookout = LongTransactions(readsLog: readsLog)
        var beat = 0
        repeat {
            var problem: String?
            do throws(PostgresError) {
                let connection: Connection
                if let kept { connection = kept } else { connection = try Connection(database, logger: logger) }
                kept = connection
                problem = try ask(connection)
                if beat % Self.lookout == 0, needsWrites { look(for: &lookout, on: connection) }
                beat = (beat + 1) % Self.lookout
            } catch {
                guard error.kind != .configuration else { throw error }
                problem = "\(error)"
                kept = nil
                writes.note(nil)
            }
            note(problem)
        } while !stop.wait(for: Self.interval)
    }

    /// Why the server takes no writes, as it says itself; nil where it does.
    private func ask(_ connection: Connection) throws(PostgresError) -> String? {
        let row = try connection.query(
            """
            SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on',
                   CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_insert_lsn()::text END
            """
        ).one()
        writes.note(try row.get(2, as: String?.self))
        guard needsWrites else { return nil }
        if try row.get(0, as: Bool.self) { return "the server takes no writes: it is a standby" }
        return try row.get(1, as: Bool.self) ? "the server takes no writes: it is set to read-only" : nil
    }

    private func look(for lookout: inout LongTransactions, on connection: Connection) {
        // What can't be asked is no finding: the next beat says whether the database answers.
        let found = try? lookout.look(on: connection, at: WallClock.nowMicroseconds())
        guard let found else { return }
        let before = long.update { known in
            defer { known = found }
            return known
        }
        for finding in found where !before.contains(where: { $0.transaction == finding.transaction }) {
            logger.warning("long_transaction", metadata: ["database": "\(name)", "found": "\(finding)"])
        }
    }

    private func note(_ problem: String?) {
        let before = state.withLock { state in
            defer { state = problem }
            return state
        }
        switch (before, problem) {
        case (nil, let problem?):
            logger.warning("database_away", metadata: ["database": "\(name)", "error": "\(problem)"])
        case (.some, nil): logger.info("database_answers", metadata: ["database": "\(name)"])
        default: break
        }
    }
}
