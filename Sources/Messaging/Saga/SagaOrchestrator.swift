import Metrics
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
    private let counters: [SagaLogEntry.Event: Counter]
    let traces = Traces.current

    public init(
        _ definition: SagaDefinition, conduct: SagaConduct = .leading, source: String,
        newID: @escaping @Sendable (Int64) -> String,
        instanceID: @escaping @Sendable (InboundMessage) throws -> String?
    ) {
        self.definition = definition
        self.conduct = conduct
        self.source = source
        self.newID = newID
        self.instanceID = instanceID
        let counters = SagaLogEntry.Event.allCases.map { event in
            let dimensions = [("saga", definition.name), ("event", event.rawValue)]
            return (event, Counter(label: "orderflow_saga_transitions_total", dimensions: dimensions))
        }
        self.counters = Dictionary(uniqueKeysWithValues: counters)
    }

    /// Counts what happens to instances.
    func count(_ entries: some Sequence<SagaLogEntry>) {
        var events: [SagaLogEntry.Event: Int] = [:]
        for entry in entries { events[entry.event, default: 0] += 1 }
        for (event, count) in events { counters[event]?.increment(by: count) }
    }
}
