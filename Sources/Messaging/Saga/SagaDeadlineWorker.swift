import Execution
import Logging
import Postgres
import Telemetry

/// Tells instances that their time has come. Any number may run, beside any number of consumers: rows that are
/// locked are left alone, and what was moved is due later or never again.
public final class SagaDeadlineWorker: Sendable {
    private let orchestrator: SagaOrchestrator
    private let database: PostgresConfiguration
    private let keyField: String
    private let logger: Logger
    private let onCommit: @Sendable () -> Void
    private let problem = Monitor<String?>(nil)

    /// Instances moved in one transaction.
    private static let batch = 200
    private static let poll: Duration = .milliseconds(250)

    /// - Parameters:
    ///   - keyField: what log lines call an instance's id.
    ///   - onCommit: called after each commit that left something in the outbox, to wake the relay.
    public init(
        _ orchestrator: SagaOrchestrator, database: PostgresConfiguration, keyField: String = "saga_id", logger: Logger,
        onCommit: @escaping @Sendable () -> Void = {}
    ) {
        self.orchestrator = orchestrator
        self.database = database.planning(.generic)
        self.keyField = keyField
        self.logger = logger
        self.onCommit = onCommit
    }

    private func logFields(of saga: StoredSaga) -> Logger.Metadata {
        logFields(of: saga.key).merging(["correlation_id": "\(saga.correlationID)"]) { $1 }
            .merging(TraceContext.logFields(saga.traceparent)) { $1 }
    }

    private func logFields(of key: SagaKey) -> Logger.Metadata {
        [keyField: "\(key.id)", "tenant": "\(key.tenant)", "saga": "\(orchestrator.definition.name)"]
    }

    /// What holds it up; nil while it works.
    public var currentProblem: String? { problem.withLock { $0 } }

    public func run(until stop: StopSignal) {
        let connection = ReconnectingConnection(database, name: "saga-deadlines", stop: stop, logger: logger)
        var backoff = Backoff(base: .milliseconds(200), cap: .seconds(10))
        while !stop.isStopped {
            do {
                let moved = try connection.run { try round(at: WallClock.nowMicroseconds(), on: $0) }
                problem.withLock { $0 = nil }
                backoff.reset()
                if moved < Self.batch, stop.wait(for: Self.poll) { return }
            } catch {
                if stop.isStopped { return }
                problem.withLock { $0 = "\(error)" }
                logger.warning("saga_deadlines_interrupted", metadata: ["error": "\(error)"])
                if stop.wait(for: backoff.next()) { return }
            }
        }
    }

    /// One batch in one transaction. Returns how many instances were due.
    @discardableResult
    public func round(at now: Int64, on connection: Connection) throws -> Int {
        let (due, sent) = try connection.transaction { connection in
            let (due, unreadable) = try orchestrator.lockDue(at: now, limit: Self.batch, on: connection)
            for saga in unreadable { try shelve(saga.key, saga, logFields(of: saga.key), on: connection) }
            guard !due.isEmpty else { return (unreadable.count, 0) }
            var batch = SagaBatch(orchestrator, due)
            for saga in due {
                do {
                    logger.debug("saga deadline reached", metadata: logFields(of: saga))
                    try batch.apply(.deadline, to: saga.key, at: now)
                } catch {
                    try shelve(saga.key, error, logFields(of: saga), on: connection)
                }
            }
            try batch.write(on: connection)
            try Outbox.append(batch.outbox, on: connection)
            return (due.count + unreadable.count, batch.outbox.count)
        }
        if sent > 0 { onCommit() }
        return due
    }

    /// One instance that can't go on must not hold up the others, nor be tried at every poll.
    private func shelve(
        _ key: SagaKey, _ error: any Error, _ fields: Logger.Metadata, on connection: Connection
    ) throws {
        logger.error("saga_stuck", metadata: fields.merging(["error": "\(error)"]) { $1 })
        try SagaStore.shelve(key, of: orchestrator.definition, attention: "\(error)", on: connection)
    }
}
