import Execution
import Logging
import Postgres

/// Asks a database every second whether it answers, on a thread and a connection of its own: workers that are idle
/// wouldn't notice that it has gone, and workers that wait for it can't tell.
public final class DatabasePulse: Sendable {
    private static let interval: Duration = .seconds(1)

    public let name: String
    private let database: PostgresConfiguration
    private let logger: Logger
    private let state = Monitor<String?>("not connected yet")

    public init(_ database: PostgresConfiguration, name: String, logger: Logger) {
        var database = database
        database.connectTimeout = .seconds(2)
        database.statementTimeout = .seconds(2)
        self.database = database
        self.name = name
        self.logger = logger
    }

    /// Why it can't be used; nil while it answers.
    public var problem: String? { state.withLock { $0 } }

    /// Blocks the calling thread until `stop`.
    public func run(until stop: StopSignal) {
        var connection: Connection?
        repeat {
            var problem: String?
            do {
                let open = try connection ?? Connection(database, logger: logger)
                connection = open
                _ = try open.query("SELECT 1")
            } catch {
                problem = "\(error)"
                connection = nil
            }
            note(problem)
        } while !stop.wait(for: Self.interval)
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
