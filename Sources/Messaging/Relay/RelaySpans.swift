import Kafka
import Telemetry
import Tracing

/// The `send` spans of the records that a relay publishes at once, each under the span that caused its event. A
/// record's header then names its send span, so that consumers come under that.
struct RelaySpans {
    private let traces: Traces
    private var spans: [(index: Int, span: ActiveSpan)] = []

    init(_ traces: Traces) { self.traces = traces }

    /// Begins a span for every record whose trace is recorded.
    mutating func begin(_ messages: inout [OutgoingMessage]) {
        spans.removeAll(keepingCapacity: true)
        for index in messages.indices {
            guard let header = messages[index].headers[EventHeader.traceparent],
                let span = span(of: messages[index], under: header),
                let traceparent = span.traceparent
            else { continue }
            messages[index].headers.replace(EventHeader.traceparent, with: traceparent)
            spans.append((index, span))
        }
    }

    private func span(of message: OutgoingMessage, under header: [UInt8]) -> ActiveSpan? {
        traces.continue(
            "send \(message.topic)", .producer, under: String(decoding: header, as: UTF8.self),
            attributes: Self.attributes(of: message))
    }

    private static func attributes(of message: OutgoingMessage) -> SpanAttributes {
        var attributes: SpanAttributes = [
            "messaging.system": "kafka", "messaging.operation.name": "send", "messaging.operation.type": "send",
            "messaging.destination.name": .string(message.topic),
            "messaging.message.body.size": .int64(Int64(message.value?.count ?? 0)),
        ]
        if let key = message.key {
            attributes["messaging.kafka.message.key"] = String(decoding: key, as: UTF8.self)
        }
        let named = [
            EventHeader.id: "messaging.message.id", EventHeader.correlationID: "messaging.message.conversation_id",
            EventHeader.type: "orderflow.message.type", EventHeader.tenant: "orderflow.tenant",
        ]
        message.headers.forEach { header, value in
            if let name = named[String(decoding: header, as: UTF8.self)] {
                attributes[name] = String(decoding: value, as: UTF8.self)
            }
        }
        return attributes
    }

    /// The brokers have said what became of each.
    func end(_ results: [Result<Delivery, KafkaError>]) {
        for (index, span) in spans {
            switch results[index] {
            case .success(let delivery):
                span.note([
                    "messaging.destination.partition.id": .string(String(delivery.partition)),
                    "messaging.kafka.offset": .int64(delivery.offset),
                ])
            case .failure(let error): span.fail("kafka", "\(error)")
            }
            span.end()
        }
    }

    /// Nobody knows; what isn't there yet will be sent again.
    func fail(_ error: any Error) {
        for (_, span) in spans {
            span.fail("kafka", "\(error)")
            span.end()
        }
    }
}
