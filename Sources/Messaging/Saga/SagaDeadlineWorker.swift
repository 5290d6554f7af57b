import Execution
import JSON
import Logging
import Postgres
import Telemetry

/// Tells instances that their time has come. Any number may run, beside any number of consumers: rows that are
/// locked are left alone, and what was moved is due later or never again.
///
/// A deadline passes once everything that was published before it has been handled (`ReadingProgress`). An answer that lies
/// in a backlog, or came while nobody of the saga ran, was in time; and while the brokers are away nobody can answer.
public final class SagaDeadlineWorker: Sendable {
    private let orchestrator: SagaOrchestrator
    private let database: PostgresConfiguration
    private let progress: ReadingProgress?
    private let keyField: String
    private let logger: Logger
    private let onCommit: @Sendable () -> Void
    private let problem = Monitor<String?>(nil)
    /// Whether deadlines wait for facts to be handled.
    private let isHeld = Monitor(false)
    private let signal = WakeSignal()
    private let longest: Duration

    /// Instances moved in one transaction.
    private static let batch = 200
    /// From one look for what is due to the next, at least.
    private static let pause: Duration = .milliseconds(250)

    /// - Parameters:
    ///   - progress: of the group that hears the saga's facts; nil where all facts are known to have been handled.
    ///   - keyField: what log lines call an instance's id.
    ///   - longest: from one look for what is due to the next where none is known to be due before: how late a deadline may
    ///     be that another process has set before it died.
    ///   - onCommit: called after each commit that left something in the outbox, to wake the relay.
    public init(
        _ orchestrator: SagaOrchestrator, database: PostgresConfiguration, after progress: ReadingProgress? = nil,
        keyField: String = "saga_id",
        longest: Duration = .seconds(5), logger: Logger, onCommit: @escaping @Sendable () -> Void = {}
    ) {
        self.orchestrator = orchestrator
        self.database = database.planning(.generic)
        self.progress = progress
        self.keyField = keyField
        self.longest = longest
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

    /// Tells the worker that instances have moved, some of which may be due before those that it knows of.
    public func wake() { signal.raise() }

    public func run(until stop: StopSignal) {
        stop.onStop { [signal] in signal.raise() }
        let connection = ReconnectingConnection(database, name: "saga-deadlines", stop: stop, logger: logger)
        var backoff = Backoff(base: .milliseconds(200), cap: .seconds(10))
        while !stop.isStopped {
            do {
                let moved = try connection.run { connection in
                    try horizon(WallClock.nowMicroseconds(), on: connection).map { try round(at: $0, on: connection) }
                }
                problem.withLock { $0 = nil }
                backoff.reset()
                if isHeld.withLock({ $0 }) {
                    stop.wait(for: Self.heldPause)
                } else if (moved ?? 0) < Self.batch {
                    try rest(connection, until: stop)
                }
            } catch {
                if stop.isStopped { return }
                problem.withLock { $0 = "\(error)" }
                logger.warning("saga_deadlines_interrupted", metadata: ["error": "\(error)"])
                if stop.wait(for: backoff.next()) { return }
            }
        }
    }

    /// Up to when deadlines may pass, for lack of facts to the contrary; nil where none may now.
    func horizon(_ now: Int64, on connection: Connection) throws -> Int64? {
        guard let progress else { return now }
        guard let due = try SagaStore.nextDue(of: orchestrator.definition, on: connection), due <= now else {
            return nil
        }
        let horizon = try [now, max(due, now - Self.recent), due].first {
            try progress.hasHandled(before: $0, on: connection)
        }
        let wasHeld = isHeld.withLock { isHeld in
            defer { isHeld = horizon == nil }
            return isHeld
        }
        if horizon == nil, !wasHeld { logger.info("saga_deadlines_held", metadata: ["due": "\(RFC3339.text(due))"]) }
        if horizon != nil, wasHeld { logger.info("saga_deadlines_pass") }
        return horizon
    }

    /// From one question whether facts are handled to the next, while they aren't.
    private static let heldPause: Duration = .seconds(1)
    /// Under load there is always something that hasn't been handled yet.
    private static let recent: Int64 = 1_000_000

    /// Waits until the next instance is due, or others may be that nobody has looked at. Looks follow each other closely
    /// while instances move all the time.
    private func rest(_ connection: ReconnectingConnection, until stop: StopSignal) throws {
        let hasNews = signal.take()
        let due = hasNews ? nil : try connection.run { try SagaStore.nextDue(of: orchestrator.definition, on: $0) }
        let known = due.map { Duration.microseconds($0) - .microseconds(WallClock.nowMicroseconds()) }
        if stop.wait(for: Self.pause) || hasNews { return }
        // What is due already is in other hands.
        _ = signal.wait(for: min(known ?? longest, longest) - Self.pause)
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
