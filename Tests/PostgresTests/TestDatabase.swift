import Execution
import Logging
import Postgres
import TestServers

/// A database of its own, so that tests run side by side.
func freshDatabase() throws -> PostgresConfiguration {
    try PostgresConfiguration(try PostgresServer.shared.get().createDatabase())
}

func freshConnection() throws -> Connection { try Connection(freshDatabase(), logger: quiet) }

/// Nothing below `critical`: the tests cause the warnings on purpose.
let quiet: Logger = {
    var logger = Logger(label: "postgres-tests")
    logger.logLevel = .critical
    return logger
}()

/// What `body` throws, which must be a `PostgresError`.
func failure<R>(_ body: () throws -> R) -> PostgresError? {
    do {
        _ = try body()
        return nil
    } catch {
        return error as? PostgresError
    }
}

func failure<R: Sendable>(_ body: () async throws -> R) async -> PostgresError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? PostgresError
    }
}

/// The work of another thread, and a way to wait for its end that fails instead of hanging.
final class Companion<Value: Sendable>: Sendable {
    struct TooSlow: Error {}
    private let outcome = Monitor<Result<Value, any Error>?>(nil)

    init(_ body: @escaping @Sendable () throws -> Value) {
        DedicatedThread.start("companion") { [outcome] in
            let result = Result { try body() }
            outcome.update { $0 = result }
        }
    }

    func value(within timeout: Duration = .seconds(30)) throws -> Value {
        guard let result = outcome.wait(for: timeout, { $0 }) else { throw TooSlow() }
        return try result.get()
    }
}

extension Connection {
    /// Whether the session with that process waits for something of this kind (`pg_stat_activity.wait_event_type`).
    func isWaiting(_ pid: Int32, _ type: String) throws -> Bool {
        try query(
            "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND state = 'active' AND wait_event_type = $2",
            [.int4(pid), .text(type)]
        ).one().get(0, as: Int.self) == 1
    }

    func count(_ table: String) throws -> Int {
        try query("SELECT count(*) FROM \(table)").one().get(0)
    }
}
