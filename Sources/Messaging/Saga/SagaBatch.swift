import Postgres
import Telemetry
import Tracing

/// Instances in hand within one transaction: loaded once, moved by any number of inputs, written once.
struct SagaBatch {
    private struct Entry {
        var saga: StoredSaga
        /// Nil: not in the database yet.
        let loadedVersion: Int?
        let hadStarted: Bool
        /// By the clock.
        var isLookedAt = false
    }

    private let orchestrator: SagaOrchestrator
    private var entries: [SagaKey: Entry] = [:]
    private var changed: Set<SagaKey> = []
    private var happened: [SagaLogEntry] = []
    private var durations: [SagaDuration] = []
    /// Commands in the order in which they were decided on.
    private(set) var outbox: [OutgoingEvent] = []

    init(_ orchestrator: SagaOrchestrator, _ sagas: [StoredSaga]) {
        self.orchestrator = orchestrator
        entries.reserveCapacity(sagas.count)
        for saga in sagas {
            entries[saga.key] = Entry(
                saga: saga, loadedVersion: saga.instance.version, hadStarted: saga.instance.startedAt != nil)
        }
    }

    subscript(key: SagaKey) -> StoredSaga? { entries[key]?.saga }

    /// A fact for an instance, which begins with the first one. A second record of one changes nothing.
    mutating func apply(_ message: InboundMessage, to key: SagaKey, at now: Int64) throws {
        let known = entries[key]?.saga
        let heard = SagaHeard(message)
        if let known, known.log.hasHeard(heard) { return }
        var saga =
            known
            ?? StoredSaga(
                key: key, instance: SagaInstance(id: key.id, of: orchestrator.definition), createdAt: now,
                correlationID: message.correlationID, traceparent: message.traceparent,
                definition: orchestrator.definition.fingerprint)
        // Participants of other programs may answer beside the lane, before it begins too.
        if message.priority == .express { saga.instance.priority = .express }
        let input = SagaInput.fact(
            type: try orchestrator.factType(message), payload: message.payload, messageID: message.id)
        try move(saga, input, heard, at: now, under: message.traceparent) {
            message.effectMetadata(id: $0, source: $1, time: now)
        }
    }

    /// The clock or an operator for an instance that is there.
    mutating func apply(_ input: SagaInput, to key: SagaKey, at now: Int64) throws {
        guard let saga = entries[key]?.saga else { return }
        var actor: String?
        if case .operator(let who) = input.cause { actor = who }
        try move(saga, input, nil, at: now, under: saga.traceparent) { [actor] id, source in
            EventMetadata(
                id: id, source: source, time: now, tenant: key.tenant, correlationID: saga.correlationID,
                traceparent: saga.traceparent, actor: actor)
        }
    }

    private mutating func move(
        _ saga: StoredSaga, _ input: SagaInput, _ heard: SagaHeard?, at now: Int64, under traceparent: String?,
        metadata: (_ id: String, _ source: String) -> EventMetadata
    ) throws {
        let transition = try orchestrator.definition.react(
            saga.instance, to: input, at: now, conduct: orchestrator.conduct)
        // What was due has to become due later, or it would be due for ever; and what a fact that changes nothing now would
        // change later, a copy of it mustn't.
        guard transition.changed || input.isDeadline || heard != nil && entries[saga.key] != nil else { return }
        var moved = saga
        moved.instance = transition.instance
        moved.ledBy = orchestrator.definition.fingerprint
        if transition.changed || heard != nil {
            moved.log.add(
                transition.log, cause: input.cause, at: now, version: transition.instance.version, heard: heard)
        }
        if entries[saga.key] == nil {
            entries[saga.key] = Entry(saga: moved, loadedVersion: nil, hadStarted: false)
        } else {
            entries[saga.key]?.saga = moved
        }
        if input.isDeadline { entries[saga.key]?.isLookedAt = true }
        changed.insert(saga.key)
        durations += SagaDuration.new(from: saga.instance, to: moved.instance)
        happened += transition.log
        let span = orchestrator.traces?.step(transition, of: saga.key, orchestrator.definition, under: traceparent)
        for command in transition.commands {
            var metadata = metadata(orchestrator.newID(now), orchestrator.source)
            metadata.expiresAt = command.expiresAt
            // Whatever lane the answer of a participant came by: all commands about one instance take the same.
            metadata.priority = saga.instance.priority
            if let span { metadata.traceparent = span.traceparent }
            outbox.append(
                OutgoingEvent(
                    topic: command.topic, key: command.key, type: command.type, payload: command.payload,
                    metadata: metadata))
        }
        span?.end()
    }

    /// Writes instances and history; the outbox is the caller's. Returns the instances as their rows are now. Throws
    /// `ConcurrentChange`.
    @discardableResult
    func write(on connection: Connection) throws -> [StoredSaga] {
        guard !changed.isEmpty else { return [] }
        var old: [SagaLog.Line] = []
        let changes = changed.sorted().compactMap { key -> SagaStore.Change? in
            guard let entry = entries[key] else { return nil }
            var saga = entry.saga
            for line in saga.log.takeOldest() {
                if let entry = line.entry { old.append(SagaLog.Line(key: key, version: line.version, entry: entry)) }
            }
            return SagaStore.Change(
                saga: saga, loadedVersion: entry.loadedVersion,
                startIsNew: !entry.hadStarted && saga.instance.startedAt != nil, isLookedAt: entry.isLookedAt)
        }
        let row = try SagaStore.save(changes, old, of: orchestrator.definition, on: connection)
        orchestrator.count(happened, durations)
        return changes.map { change in
            var saga = change.saga
            saga.row = row
            return saga
        }
    }
}
