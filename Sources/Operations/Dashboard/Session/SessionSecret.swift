import Execution
import Logging
import Postgres
import Sealing

/// Keeps `DashboardSessions` open with the secret that all processes of the API share, on a thread of its own. A secret
/// that is changed in the table ends every session within `interval`.
struct SessionSecret: Sendable {
    let sessions: DashboardSessions
    let database: PostgresConfiguration
    let logger: Logger

    static let interval: Duration = .seconds(60)

    /// Blocks the calling thread until `stop`.
    func run(until stop: StopSignal) {
        var backoff = Backoff(base: .seconds(1), cap: .seconds(30))
        var pause = Self.interval
        repeat {
            do {
                let connection = try Connection(database, logger: logger)
                defer { connection.close() }
                let secret = try connection.query("SELECT secret FROM session_secret").one()
                    .get(0, as: [UInt8].self)
                sessions.open(with: SymmetricKey(secret))
                backoff.reset()
                pause = Self.interval
            } catch {
                logger.warning("session_secret_unreadable", metadata: ["error": "\(error)"])
                pause = backoff.next()
            }
        } while !stop.wait(for: pause)
    }
}
