import Execution
import Metrics
import Postgres
import Telemetry

/// A saga at work in a service: its definition, and how its commands are addressed and signed.
public struct SagaOrchestrator: Sendable {
    public let definition: SagaDefinition
    public let conduct: SagaConduct
    /// `ce_source` of its commands.
    let source: String
    /// A new message id, for a time in microseconds since the Unix epoch.
    let newID: @Sendable (Int64) -> String
    /// The instance that a fact is about; nil for a message that is none of its facts.
    let instanceID: @Sendable (InboundMessage) throws -> String?
    /// What a message is called to instances (`SagaDefinition.factType`).
    let factType: @Sendable (InboundMessage) throws -> String
    private let counters = Monitor<[Transition: Counter]>([:])
    let traces = Traces.current
    private let predecessors: SagaPredecessors
    private let timers: [SagaDuration.Span: Metrics.Timer]

    public init(
        _ definition: SagaDefinition, conduct: SagaConduct = .leading, source: String,
        newID: @escaping @Sendable (Int64) -> String,
        instanceID: @escaping @Sendable (InboundMessage) throws -> String?,
        factType: @escaping @Sendable (InboundMessage) throws -> String = { $0.type }
    ) {
        self.definition = definition
        predecessors = SagaPredecessors(of: definition)
        self.conduct = conduct
        self.source = source
        self.newID = newID
        self.instanceID = instanceID
        self.factType = factType
        var timers: [SagaDuration.Span: Metrics.Timer] = [:]
        for step in definition.steps {
            timers[.step(step.id)] = Metrics.Timer(
                label: "orderflow_saga_step_seconds", dimensions: [("saga", definition.name), ("step", step.id)])
        }
        for status in SagaInstance.Status.allCases where status.isEnd {
            timers[.whole(status)] = Metrics.Timer(
                label: "orderflow_saga_seconds", dimensions: [("saga", definition.name), ("status", status.rawValue)])
        }
        self.timers = timers
    }

    /// As many as the definition has steps, times the events there are.
    private struct Transition: Hashable {
        let event: SagaLogEntry.Event
        let step: String?
    }

    /// Counts and times what happens to instances.
    func count(_ entries: some Sequence<SagaLogEntry>, _ durations: [SagaDuration]) {
        for duration in durations { timers[duration.span]?.recordMicroseconds(duration.microseconds) }
        var counts: [Transition: Int] = [:]
        for entry in entries { counts[Transition(event: entry.event, step: entry.step), default: 0] += 1 }
        for (transition, count) in counts { counter(of: transition).increment(by: count) }
    }

    private func counter(of transition: Transition) -> Counter {
        counters.withLock { counters in
            if let known = counters[transition] { return known }
            let new = Counter(
                label: "orderflow_saga_transitions_total",
                dimensions: [
                    ("saga", definition.name), ("event", transition.event.rawValue), ("step", transition.step ?? ""),
                ])
            counters[transition] = new
            return new
        }
    }
}

extension SagaOrchestrator {
    /// Whether the fact starts an instance and is the first event of its stream: none will have begun before it.
    func begins(with message: InboundMessage) -> Bool {
        message.streamVersion == 1 && message.type == definition.startedBy
    }

    /// Locks instances, as `SagaStore.lock`. Throws `UnreadableSaga` for one that this program can't lead on.
    func lock(_ keys: [SagaKey], on connection: Connection) throws -> [StoredSaga] {
        let sagas = try SagaStore.lock(keys, of: definition, on: connection)
        for saga in sagas { try predecessors.check(saga, on: connection) }
        return sagas
    }

    /// Locks instances whose time has come, as `SagaStore.lockDue`; those that this program can't lead on apart.
    func lockDue(
        at now: Int64, limit: Int, on connection: Connection
    ) throws -> (sagas: [StoredSaga], unreadable: [UnreadableSaga]) {
        var (due, unreadable) = try SagaStore.lockDue(at: now, limit: limit, of: definition, on: connection)
        try due.removeAll { saga in
            do {
                try predecessors.check(saga, on: connection)
                return false
            } catch let error as UnreadableSaga {
                unreadable.append(error)
                return true
            }
        }
        return (due, unreadable)
    }
}
