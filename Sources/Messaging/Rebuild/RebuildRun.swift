import Execution
import Kafka
import Logging
import Postgres

/// One run of a `Rebuild`: its connections, and how far it is.
final class RebuildRun {
    private let model: ReadModel
    private let limits: Rebuild.Limits
    private let database: PostgresConfiguration
    private let logger: Logger
    private let onProgress: (Rebuild.Progress) throws -> Void
    private let admin: Admin
    /// In the live schema; holds the live group.
    private let control: Connection
    /// In the shadow, for what has to be done once.
    private let shadow: Connection
    private let schema: ShadowSchema
    private let lanes: ShadowLanes
    private var positions: ShadowPositions
    private var letters = ShadowLetters()
    /// Of a run that exchanges.
    private let exchanges: Bool
    private var bar: VacuumBar?
    private var phase = Rebuild.Phase.preparing
    private var phaseStart = ContinuousClock.now
    private var times: [(phase: Rebuild.Phase, time: Duration)] = []
    /// Records seen to by earlier runs.
    let resumed: Int64

    /// A lag of fewer records than this is caught up with while the live group is held.
    private static let shortWay: Int64 = 2_000
    /// Records that take a second or more: vacuums are to make way for the exchange meanwhile.
    private static let lastWay: Int64 = 200_000
    /// Readers of the live tables wait no longer than this for an exchange that waits for one of them.
    private static let exchangeWait = "300ms"

    init(
        _ model: ReadModel, kafka: KafkaConfiguration, database: PostgresConfiguration, control: Connection,
        limits: Rebuild.Limits, exchanges: Bool, logger: Logger,
        onProgress: @escaping (Rebuild.Progress) throws -> Void
    ) throws {
        self.model = model
        self.exchanges = exchanges
        self.limits = limits
        self.database = database
        self.logger = logger
        self.onProgress = onProgress
        self.control = control
        admin = try Admin(kafka, logger: logger)
        schema = try ShadowSchema(model, on: control)
        var patient = database
        patient.applicationName = "orderflow rebuild \(model.name)"
        // For indexes and comparisons. Nobody waits for these but us.
        patient.statementTimeout = .seconds(7 * 86_400)
        patient.lockTimeout = .seconds(7 * 86_400)
        shadow = try Connection(patient, logger: logger)
        // The session of a killed process ends with it, not with its statement.
        if shadow.serverVersion >= 140_000 { try shadow.script("SET client_connection_check_interval = '1s'") }
        try schema.enter(shadow)
        let goesOn = try schema.prepare(on: shadow)
        let start = goesOn ? try ConsumerProgress.nextOffsets(of: model.group, on: shadow) : [:]
        resumed = start.values.reduce(0, +)
        positions = ShadowPositions(from: start)
        var working = database
        working.applicationName = "orderflow rebuild \(model.name) writer"
        lanes = ShadowLanes(
            schema, from: start, kafka: kafka, database: working, limits: limits, logger: logger)
    }

    func close() {
        bar?.lift()
        lanes.close()
        shadow.close()
    }

    /// Records seen to, those of a window in hand among them.
    var done: Int64 { positions.done }
    /// Records that can't be handled and are no dead letters of the live group.
    var left: ShadowLane.LeftOut { lanes.left }

    private func report(_ phase: Rebuild.Phase? = nil) throws {
        if let phase, phase != self.phase {
            _ = endPhase()
            self.phase = phase
        }
        try onProgress(
            Rebuild.Progress(phase: self.phase, done: done, total: done + positions.remaining, resumed: resumed))
    }

    /// What each phase has taken, the one in hand among them.
    func endPhase() -> [(phase: Rebuild.Phase, time: Duration)] {
        times.append((phase, phaseStart.duration(to: .now)))
        phaseStart = .now
        return times
    }

    // MARK: Reading

    /// Brings the shadow to where the live group was a moment ago.
    func read() throws {
        try report(.reading)
        try positions.extend(to: model.liveOffsets(on: control))
        try positions.checkTopics(admin)
        try catchUp()
    }

    private func catchUp() throws {
        while true {
            try extend()
            let lag = positions.remaining
            try readToBounds(until: nil)
            if lag < Self.shortWay { return }
        }
    }

    /// Up to where the live group is now.
    private func extend() throws {
        try positions.extend(to: model.liveOffsets(on: control))
        letters = try positions.letters(of: model.group, on: control)
    }

    /// - Parameter deadline: `ShadowLane.StillBehind` is thrown when it passes first.
    private func readToBounds(until deadline: ContinuousClock.Instant?) throws {
        try lanes.read(positions, without: letters, until: deadline) { next in
            positions.next.merge(next) { max($0, $1) }
            if positions.remaining < Self.lastWay { barVacuums() }
            try report()
        }
    }

    /// Lets in the letters that the live group has handled since the shadow passed them.
    private func letInLetters() throws {
        while true {
            let letters = try ShadowLetters.handledSince(schema, limit: 1_000, on: control)
            if letters.isEmpty { return }
            try lanes.letIn(letters)
        }
    }

    // MARK: Indexes

    func makeIndexes() throws {
        try report(.indexing)
        barVacuums()
        bar?.settle()
        try schema.makeIndexes(on: shadow)
    }

    private func barVacuums() {
        guard exchanges, bar == nil else { return }
        bar = VacuumBar(liveTables, database: database, logger: logger)
    }

    private var liveTables: [String] { model.tables.map { "\(schema.live).\($0)" } }

    // MARK: Holding the live group

    /// Runs `body` while nothing writes to the live model and the shadow is at exactly its offsets. Readers of the model
    /// notice nothing; the group's consumers wait before their next batch, the redelivery before its next letter.
    ///
    /// Locks are taken in the order in which a consumer takes them. Where another process has one for too long, all are
    /// released and it is tried again later.
    private func holdingLiveGroup<Result>(_ body: () throws -> Result) throws -> Result {
        let pause = StopSignal()
        var backoff = Backoff(base: .milliseconds(50), cap: .seconds(5))
        while true {
            // Only a short way is left then.
            try catchUp()
            do {
                return try control.transaction { control in
                    try control.script("SET LOCAL lock_timeout = '2s'")
                    _ = try ConsumerOffsets.lock(group: model.group, partitions(), on: control)
                    try control.script("LOCK TABLE parked_keys IN EXCLUSIVE MODE")
                    try extend()
                    try readToBounds(until: .now + limits.hold)
                    try letInLetters()
                    return try body()
                }
            } catch let error where Self.isPassing(error) && backoff.attempt < limits.attempts {
                logger.debug("live_group_not_held", metadata: ["error": "\(error)"])
                pause.wait(for: backoff.next())
            }
        }
    }

    /// All that there are, those that the group has never had a record of among them: it may have one any moment.
    private func partitions() throws -> [TopicPartition] {
        try admin.topics().filter { model.topics.contains($0.name) }.flatMap(\.places).sorted()
    }

    private static func isPassing(_ error: any Error) -> Bool {
        if error is ShadowLane.StillBehind { return true }
        return (error as? PostgresError)?.cause == .contention
    }

    // MARK: Verifying and exchanging

    /// Compares the tables as they were in one moment. The live group is held only until that moment's snapshot is
    /// taken.
    func verify() throws -> [TableCheck] {
        try report(.verifying)
        try shadow.script("RESET enable_seqscan; RESET enable_hashjoin; RESET enable_mergejoin;")
        return try shadow.transaction(.repeatableRead, readOnly: true) { shadow in
            try holdingLiveGroup { _ = try shadow.query("SELECT 1") }
            return try model.tables.map { try TableCheck.compare($0, schema, on: shadow) }
        }
    }

    func exchange(_ entry: AuditEntry) throws {
        try report(.exchanging)
        try holdingLiveGroup {
            bar?.lift()
            // A vacuum makes way for this, and readers aren't kept waiting by it.
            let live = liveTables
            let tables = live + model.tables.map { "\(schema.name).\($0)" }
            try control.script("LOCK TABLE \(tables.joined(separator: ", ")) IN EXCLUSIVE MODE")
            // New readers wait behind this one while it waits for those that are at it.
            try control.script(
                """
                SET LOCAL lock_timeout = '\(Self.exchangeWait)';
                LOCK TABLE \(live.joined(separator: ", ")) IN ACCESS EXCLUSIVE MODE;
                """)
            // A partition that has just been made may have had a consumer whose offsets nobody could lock.
            let offsets = try model.liveOffsets(on: control).filter { $0.value > 0 }
            guard offsets.allSatisfy({ positions.next[$0.key] == $0.value }) else { throw ShadowLane.StillBehind() }
            guard try schema.isOfLiveMigrations(on: control) else {
                throw RebuildError("the database was migrated meanwhile: start again")
            }
            try schema.exchange(on: control)
            try AuditLog.append(entry, on: control)
        }
    }
}
