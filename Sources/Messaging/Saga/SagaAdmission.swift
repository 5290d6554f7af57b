import Execution
import Logging
import Postgres

/// Lets the parts of a service that moves sagas begin only once its definition is known to fit the instances under way,
/// and is recorded for those that come after it.
public final class SagaAdmission: Sendable {
    private let definition: SagaDefinition
    private let database: PostgresConfiguration
    private let logger: Logger
    private let isGranted = Monitor(false)
    private let problem = Monitor<String?>(nil)

    public init(_ definition: SagaDefinition, database: PostgresConfiguration, logger: Logger) {
        self.definition = definition
        self.database = database
        self.logger = logger
    }

    /// What it waits for; nil once all may begin.
    public var currentProblem: String? { problem.withLock { $0 } }

    /// The same parts, each of which throws `RetiredSteps` in place of beginning where the definition doesn't fit.
    public func guarding(_ parts: [ThreadGroup.Part]) -> [ThreadGroup.Part] {
        parts.map { part in
            ThreadGroup.Part(part.name) { stop in
                if try self.wait(until: stop) { try part.run(stop) }
            }
        }
    }

    /// Waits for the database, for as long as it takes. False when `stop` came first.
    func wait(until stop: StopSignal) throws -> Bool {
        let connection = ReconnectingConnection(database, name: "saga-admission", stop: stop, logger: logger)
        var backoff = Backoff(base: .milliseconds(200), cap: .seconds(5))
        while !stop.isStopped {
            if isGranted.withLock({ $0 }) { return true }
            do {
                try connection.run { connection in
                    try definition.checkOpenInstances(on: connection)
                    try SagaDefinitions.record(definition, on: connection)
                }
                problem.withLock { $0 = nil }
                isGranted.withLock { $0 = true }
                return true
            } catch let error as PostgresError where error.kind != .configuration {
                problem.withLock { $0 = "\(error)" }
                if stop.wait(for: backoff.next()) { return false }
            }
        }
        return false
    }
}
