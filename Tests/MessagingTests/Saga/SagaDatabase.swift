import Execution
import JSON
import Logging
import Postgres
import TestServers
import Testing

@testable import Messaging

/// A database with the saga's tables, and trips in it.
struct SagaDatabase {
    let configuration: PostgresConfiguration
    let orchestrator: SagaOrchestrator

    /// - Parameter isUpToDate: false leaves the tables as they were before rows had a log.
    init(conduct: SagaConduct = .leading, isUpToDate: Bool = true) throws {
        configuration = try freshDatabase(
            MessagingSchema.outbox + MessagingSchema.contentTypes + MessagingSchema.express + MessagingSchema.schedule
                + MessagingSchema.audit + SagaSchema.tables + SagaSchema.definitions
                + (isUpToDate ? SagaSchema.rows : ""))
        orchestrator = Self.orchestrator(TripSaga.definition, conduct: conduct)
    }

    private init(_ configuration: PostgresConfiguration, _ orchestrator: SagaOrchestrator) {
        self.configuration = configuration
        self.orchestrator = orchestrator
    }

    /// The same database, as a program with another definition uses it.
    func led(by definition: SagaDefinition) -> SagaDatabase {
        SagaDatabase(configuration, Self.orchestrator(definition, conduct: orchestrator.conduct))
    }

    private static func orchestrator(_ definition: SagaDefinition, conduct: SagaConduct) -> SagaOrchestrator {
        let ids = Monitor(0)
        return SagaOrchestrator(
            definition, conduct: conduct, source: "/test/trips",
            newID: { _ in
                ids.withLock {
                    $0 += 1; return "c\($0)"
                }
            }, instanceID: { $0.type == "Unrelated" ? nil : $0.key })
    }

    /// Writes an instance's log as programs did before rows had one.
    func moveLogToTable(_ id: String, on connection: Connection) throws {
        let saga = try #require(try sagaOperator.show(SagaKey(tenant: "default", id: id), on: connection)).saga
        let lines = try saga.log.lines().map {
            SagaLog.Line(key: saga.key, version: $0.version, entry: try #require($0.entry))
        }
        _ = try connection.pipeline { SagaLog.append(lines, saga: orchestrator.definition.name, in: &$0) }
        try connection.execute("UPDATE saga_instances SET log = '' WHERE id = $1", [.text(id)])
    }

    func connect() throws -> Connection { try Connection(configuration, logger: quiet) }

    var handler: SagaFactHandler { SagaFactHandler(orchestrator) }
    var sagaOperator: SagaOperator { SagaOperator(orchestrator) }
    var worker: SagaDeadlineWorker {
        SagaDeadlineWorker(orchestrator, database: configuration, logger: quiet)
    }

    /// One batch of facts in one transaction, as the consumer runner does it. Returns the commands.
    ///
    /// - Parameter handler: nil for one that knows nothing of batches before.
    @discardableResult
    func handle(
        _ messages: [InboundMessage], by handler: SagaFactHandler? = nil, on connection: Connection
    ) throws -> [OutgoingEvent] {
        try connection.transaction { connection in
            var outbox: [OutgoingEvent] = []
            try (handler ?? self.handler).handle(messages, on: connection, outbox: &outbox)
            try Outbox.append(outbox, on: connection)
            return outbox
        }
    }

    /// As `handle`, tried again for as long as somebody else is quicker.
    func handleInTheEnd(_ messages: [InboundMessage], on connection: Connection) throws {
        for _ in 0..<1000 {
            do {
                try handle(messages, on: connection)
                return
            } catch is ConcurrentChange {}
        }
        throw Hopeless()
    }

    struct Hopeless: Error {}

    func show(_ id: String, on connection: Connection) throws -> SagaInstance? {
        try sagaOperator.show(SagaKey(tenant: "default", id: id), on: connection)?.saga.instance
    }
}

/// A fact about a trip.
///
/// - Parameters:
///   - event: which of its kind, where there are several: a second record of one has the same.
///   - streamVersion: nil for a fact of no stream of ours.
func fact(
    _ type: String, _ id: String, tenant: String = "default", payload: String = "{}", event: String? = nil,
    origin: String? = nil, streamVersion: Int? = nil
) -> InboundMessage {
    InboundMessage(
        id: event ?? "\(type)-\(id)", type: type, schemaVersion: 1, payload: Array(payload.utf8), key: id,
        tenant: tenant,
        correlationID: "correlation-\(id)", traceparent: nil, time: 0, streamVersion: streamVersion,
        source: InboundMessage.Source(topic: "trips", partition: 0, offset: 0), origin: origin)
}

/// Nothing below `critical`: the tests cause the warnings on purpose.
let quiet: Logger = {
    var logger = Logger(label: "messaging-tests")
    logger.logLevel = .critical
    return logger
}()
