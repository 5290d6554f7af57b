import JSON
import Tracing

/// Spans as the body of an OTLP/HTTP export (opentelemetry-proto 1.x, `ExportTraceServiceRequest` in JSON: ids in
/// hexadecimal, 64-bit integers as strings, enumerations as numbers).
struct OTLPEncoder: Sendable {
    /// What is the same for all spans of a process, such as `service.name`.
    let resource: [(name: String, value: String)]

    /// The names of our attributes.
    private static let schema = "https://opentelemetry.io/schemas/1.30.0"

    func encode(_ spans: [FinishedSpan]) -> [UInt8] {
        var json = JSONWriter(capacity: spans.count * 640 + 512)
        json.object { json in
            json.key("resourceSpans")
            json.array { json in
                json.object { json in
                    json.key("resource")
                    json.object { json in
                        json.key("attributes")
                        json.array { json in
                            for (name, value) in resource { json.attribute(name, .string(value)) }
                        }
                    }
                    json.key("scopeSpans")
                    json.array { json in
                        json.object { json in
                            json.key("scope")
                            json.object { $0.field("name", "orderflow") }
                            json.key("spans")
                            json.array { json in for span in spans { json.span(span) } }
                            json.field("schemaUrl", Self.schema)
                        }
                    }
                }
            }
        }
        return json.bytes
    }
}

extension JSONWriter {
    fileprivate mutating func span(_ span: FinishedSpan) {
        object { json in
            json.field("traceId", span.context.traceIDText)
            json.field("spanId", TraceContext.spanIDText(span.context.parentID))
            json.field("parentSpanId", span.parentID.map(TraceContext.spanIDText))
            json.field("flags", Int(span.context.flags))
            json.field("name", span.name)
            json.field("kind", span.kind.number)
            json.field("startTimeUnixNano", String(span.start))
            json.field("endTimeUnixNano", String(span.end))
            json.attributes(span.attributes)
            if !span.events.isEmpty {
                json.key("events")
                json.array { json in
                    for event in span.events {
                        json.object { json in
                            json.field("timeUnixNano", String(event.nanosecondsSinceEpoch))
                            json.field("name", event.name)
                            json.attributes(event.attributes)
                        }
                    }
                }
            }
            if !span.links.isEmpty {
                json.key("links")
                json.array { json in
                    for link in span.links {
                        json.object { json in
                            json.field("traceId", link.context.traceIDText)
                            json.field("spanId", TraceContext.spanIDText(link.context.parentID))
                            json.attributes(link.attributes)
                        }
                    }
                }
            }
            if span.droppedEvents > 0 { json.field("droppedEventsCount", span.droppedEvents) }
            if span.droppedLinks > 0 { json.field("droppedLinksCount", span.droppedLinks) }
            if let status = span.status {
                json.key("status")
                json.object { json in
                    json.field("code", status.code == .error ? 2 : 1)
                    json.field("message", status.message)
                }
            }
        }
    }

    private mutating func attributes(_ attributes: SpanAttributes) {
        guard !attributes.isEmpty else { return }
        var all: [(name: String, value: SpanAttribute)] = []
        attributes.forEach { all.append(($0, $1)) }
        key("attributes")
        array { json in
            for (name, value) in all.sorted(by: { $0.name < $1.name }) { json.attribute(name, value) }
        }
    }

    fileprivate mutating func attribute(_ name: String, _ value: SpanAttribute) {
        object { json in
            json.field("key", name)
            json.key("value")
            json.attributeValue(value)
        }
    }

    private mutating func attributeValue(_ value: SpanAttribute) {
        switch value {
        case .int32(let number): object { $0.field("intValue", String(number)) }
        case .int64(let number): object { $0.field("intValue", String(number)) }
        case .bool(let flag): object { $0.field("boolValue", flag) }
        case .string(let text): object { $0.field("stringValue", text) }
        case .stringConvertible(let value): object { $0.field("stringValue", "\(value)") }
        case .double(let number):
            object { json in
                json.key("doubleValue")
                if number.isFinite { json.raw("\(number)".utf8) } else { json.value("\(number)") }
            }
        case .int32Array(let numbers): elements(numbers.map { .int64(Int64($0)) })
        case .int64Array(let numbers): elements(numbers.map { .int64($0) })
        case .boolArray(let flags): elements(flags.map { .bool($0) })
        case .doubleArray(let numbers): elements(numbers.map { .double($0) })
        case .stringArray(let texts): elements(texts.map { .string($0) })
        case .stringConvertibleArray(let values): elements(values.map { .string("\($0)") })
        default: object { $0.field("stringValue", "?") }
        }
    }

    private mutating func elements(_ elements: [SpanAttribute]) {
        object { json in
            json.key("arrayValue")
            json.object { json in
                json.key("values")
                json.array { json in for element in elements { json.attributeValue(element) } }
            }
        }
    }
}

extension SpanKind {
    /// `SpanKind` of opentelemetry-proto.
    fileprivate var number: Int {
        switch self {
        case .internal: 1
        case .server: 2
        case .client: 3
        case .producer: 4
        case .consumer: 5
        }
    }
}
