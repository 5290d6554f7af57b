import Execution
import JSON
import Kafka
import Logging
import Postgres

/// Makes a read model anew from its topics while the live one serves and goes on consuming, then exchanges them.
///
/// 1. Every record from offset zero up to where the live group is goes into a shadow schema, in windows of one
///    transaction each, which also says how far it got: whatever ends the process, the next run goes on there.
/// 2. Indexes are made, and what the live group did meanwhile is caught up with.
/// 3. Both are compared, row by row, in one snapshot in which both are at the same offsets.
/// 4. One transaction holds the live group for a moment, catches up with the rest, and exchanges the tables.
///
/// The shadow never gets ahead of the live group. So the group's offsets, dead letters and parked keys stay as they
/// are, and what they say is true of the exchanged tables too. Nothing but the shadow is written before the exchange:
/// no group is joined, no outbox written, no effect of any kind repeated.
public struct Rebuild {
    public struct Limits: Sendable {
        /// Of what is read and not yet committed, however many work at it. It bounds memory, and how long one
        /// transaction is open: relays wait for it.
        public var records = 20_000
        public var bytes = 16 << 20
        /// How long the brokers may be silent.
        public var patience: Duration = .seconds(60)
        /// How long the live group is held for the last records, before it is let go and held again later.
        public var hold: Duration = .seconds(5)
        /// How often that is tried.
        public var attempts = 50

        public init() {}
    }

    public enum Phase: Sendable { case preparing, reading, indexing, verifying, exchanging }

    public struct Progress: Sendable {
        public let phase: Phase
        /// Records seen to, over all runs, and those that the live group has seen to.
        public let done: Int64
        public let total: Int64
        /// Of `done`, by earlier runs.
        public let resumed: Int64
    }

    public struct Outcome: Sendable {
        public let events: Int64
        /// Of those, by earlier runs.
        public let resumed: Int64
        public let checks: [TableCheck]
        public let isExchanged: Bool
        /// What each phase took.
        public let times: [(phase: Phase, time: Duration)]
        /// Records that can't be handled and are no dead letters of the live group: left out.
        public let unreadable: Int
        public let firstUnreadable: InboundMessage.Source?

        public var isEqual: Bool { checks.allSatisfy(\.isEqual) }
    }

    private let model: ReadModel
    private let kafka: KafkaConfiguration
    private let database: PostgresConfiguration
    private let limits: Limits
    private let actor: AuditActor
    private let note: String?
    private let logger: Logger
    private let onProgress: (Progress) throws -> Void

    /// - Parameters:
    ///   - actor: who has the tables exchanged.
    ///   - note: why.
    ///   - onProgress: called often; what it throws ends the rebuild.
    public init(
        _ model: ReadModel, kafka: KafkaConfiguration, database: PostgresConfiguration, limits: Limits = Limits(),
        by actor: AuditActor, note: String? = nil, logger: Logger,
        onProgress: @escaping (Progress) throws -> Void = { _ in }
    ) {
        self.model = model
        self.kafka = kafka
        self.database = database
        self.limits = limits
        self.actor = actor
        self.note = note
        self.logger = logger
        self.onProgress = onProgress
    }

    /// Drops what interrupted rebuilds have left. Returns whether there was anything.
    public func discard() throws -> Bool {
        let connection = try claim()
        defer { connection.close() }
        let isThere = try connection.query(
            "SELECT to_regnamespace($1) IS NOT NULL", [.text(model.shadow)]
        )
        .one().get(0, as: Bool.self)
        try ShadowSchema.drop(model, on: connection)
        return isThere
    }

    /// Blocks the calling thread until the tables are exchanged, or found to differ.
    ///
    /// - Parameters:
    ///   - exchanges: false ends after the comparison and leaves the shadow for a later run.
    ///   - acceptsDifferences: exchanges tables that differ from the live ones, as they should after a change of what is
    ///     derived.
    public func run(exchanges: Bool = true, acceptsDifferences: Bool = false) throws -> Outcome {
        let control = try claim()
        defer { control.close() }
        let run = try RebuildRun(
            model, kafka: kafka, database: database, control: control, limits: limits, exchanges: exchanges,
            logger: logger, onProgress: onProgress)
        defer { run.close() }
        try run.read()
        try run.makeIndexes()
        let checks = try run.verify()
        let isEqual = checks.allSatisfy(\.isEqual)
        if exchanges, isEqual || acceptsDifferences { try run.exchange(entry(isEqual)) }
        return Outcome(
            events: run.done, resumed: run.resumed, checks: checks,
            isExchanged: exchanges && (isEqual || acceptsDifferences), times: run.endPhase(),
            unreadable: run.left.count, firstUnreadable: run.left.first)
    }

    private func entry(_ isEqual: Bool) -> AuditEntry {
        var json = JSONWriter()
        json.object { $0.field("differs", !isEqual) }
        return AuditEntry(by: actor, .modelExchanged, on: model.name, reason: note, detail: json.bytes)
    }

    /// The connection on which the live group is held; its session has the right to rebuild this model.
    private func claim() throws -> Connection {
        var configuration = database
        configuration.applicationName = "orderflow rebuild \(model.name)"
        let connection = try Connection(configuration, logger: logger)
        // The session of a process that was killed ends within moments.
        let deadline = ContinuousClock.now + .seconds(3)
        let pause = StopSignal()
        while !(try connection.tryAdvisoryLock(Connection.advisoryKey("rebuild of \(model.name)"))) {
            guard .now < deadline else {
                connection.close()
                throw RebuildError("\(model.name) is being rebuilt by another process already")
            }
            pause.wait(for: .milliseconds(100))
        }
        return connection
    }
}
