import Execution
import Logging
import Postgres

/// Keeps vacuums off the live tables for a moment, so that none is at one of them when the exchange wants it: the server
/// has a vacuum make way for another's lock, but only after a second (`deadlock_timeout`), and for that long the live
/// group would be held. Asked for while the last records are read, that second costs nobody anything.
///
/// Readers and writers don't notice this lock, and no transaction number is taken. It is a help, not a promise: where it
/// can't be had, or is over, the exchange waits itself.
///
/// A `CREATE INDEX CONCURRENTLY` that meets a transaction with a snapshot waits for its end (`WaitForOlderSnapshots`). This
/// one has a snapshot only until it has its lock, so ours begin after that; another rebuild's may meet it, which is why it
/// ends by itself.
final class VacuumBar: Sendable {
    private struct State {
        /// Has its lock, or will have none.
        var isSettled = false
        var isLifted = false
    }

    private let state = Monitor(State())
    private let thread: DedicatedThread

    /// Longer than an automatic vacuum stays. One that a person has started does.
    private static let patience = "2s"
    private static let longest: Duration = .seconds(10)

    /// - Parameter tables: with their schema, quoted.
    init(_ tables: [String], database: PostgresConfiguration, logger: Logger) {
        thread = DedicatedThread.start("rebuild-bar") { [state] in
            defer { state.update { $0.isSettled = true } }
            do {
                let connection = try Connection(database, logger: logger)
                defer { connection.close() }
                try connection.transaction { connection in
                    try connection.script(
                        """
                        SET LOCAL lock_timeout = '\(Self.patience)';
                        SET LOCAL idle_in_transaction_session_timeout = 0;
                        LOCK TABLE \(tables.joined(separator: ", ")) IN SHARE UPDATE EXCLUSIVE MODE
                        """)
                    state.update { $0.isSettled = true }
                    _ = state.wait(for: Self.longest) { $0.isLifted ? true : nil }
                }
            } catch {
                logger.debug("vacuums_not_barred", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Waits until it has its lock, or knows that it gets none.
    func settle() { _ = state.wait(for: nil) { $0.isSettled ? true : nil } }

    /// Idempotent. The lock is free when it returns.
    func lift() {
        state.update { $0.isLifted = true }
        thread.join()
    }
}
