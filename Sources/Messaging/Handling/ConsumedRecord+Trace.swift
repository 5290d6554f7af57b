import Telemetry
import Tracing

/// The `process` span of a record (OpenTelemetry semantic conventions for messaging spans, Kafka), a child of the span
/// that sent it: each record is one piece of work here, so that its trace goes on rather than being linked to.
extension ConsumedRecord {
    /// What became of a record, for its span.
    enum Outcome: String {
        case handled, repeated, parked
        case deadLetter = "dead_letter"
    }

    /// Begins the record's span; whatever the message causes is then caused by it.
    mutating func begin(_ traces: Traces, group: String, batchSize: Int) {
        guard let message else { return }
        let new = message.beginProcessing(traces, group: group)
        new.note(["orderflow.batch.size": .int64(Int64(batchSize))])
        follow(new)
    }

    func end(_ outcome: Outcome) {
        guard let span else { return }
        span.note(["orderflow.outcome": .string(outcome.rawValue)])
        if outcome == .deadLetter { span.fail("dead_letter") }
        span.end()
    }
}

extension InboundMessage {
    /// Begins a span for the handling of this message by `group`.
    func beginProcessing(_ traces: Traces, group: String) -> ActiveSpan {
        traces.start(
            "process \(source.topic)", .consumer, under: traceparent,
            attributes: [
                "messaging.system": "kafka", "messaging.operation.name": "process",
                "messaging.operation.type": "process", "messaging.destination.name": .string(source.topic),
                "messaging.destination.partition.id": .string(String(source.partition)),
                "messaging.kafka.offset": .int64(source.offset), "messaging.kafka.message.key": .string(key),
                "messaging.consumer.group.name": .string(group), "messaging.message.id": .string(id),
                "messaging.message.conversation_id": .string(correlationID), "orderflow.message.type": .string(type),
                "orderflow.tenant": .string(tenant),
            ])
    }
}
