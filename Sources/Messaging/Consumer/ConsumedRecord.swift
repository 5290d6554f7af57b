import Crypto
import JSON
import Kafka
import Logging
import Telemetry

/// A Kafka record as the runner works with it: understood, to be skipped, or malformed. The raw parts are borrowed
/// from the batch, which outlives it.
struct ConsumedRecord {
    let record: ConsumedMessage
    let source: InboundMessage.Source
    private(set) var message: InboundMessage?
    /// Of its handling, in a process that traces.
    private(set) var span: ActiveSpan?
    /// Why it can't be read.
    let malformed: String?

    init(_ record: ConsumedMessage, types: Set<String>, ignoring ignoredSource: String?) {
        self.record = record
        source = InboundMessage.Source(topic: record.topic, partition: record.partition, offset: record.offset)
        // Most records of a busy topic are others' business; two headers say so before anything is copied.
        let type = record.header(EventHeader.type).flatMap { EnvelopeHeaders.text($0) }
        if let type, !types.contains(type) || ignoredSource != nil && Self.source(of: record) == ignoredSource {
            (message, malformed) = (nil, nil)
            return
        }
        var headers = EnvelopeHeaders()
        record.forEachHeader { headers.take($0, $1) }
        let outcome = EnvelopeDecoder.decode(
            value: record.value, key: record.key, headers: headers, source: source,
            recordTime: Self.microseconds(record.timestamp), types: types, ignoring: ignoredSource)
        switch outcome {
        case .message(let message): (self.message, malformed) = (message, nil)
        case .skipped: (message, malformed) = (nil, nil)
        case .malformed(let reason): (message, malformed) = (nil, reason)
        }
    }

    private static func source(of record: ConsumedMessage) -> String? {
        record.header(EventHeader.source).flatMap { EnvelopeHeaders.text($0) }
    }

    /// The message comes under `span` from now on.
    mutating func follow(_ span: ActiveSpan) {
        self.span = span
        message?.traceparent = span.traceparent
    }

    var partition: TopicPartition { TopicPartition(topic: source.topic, partition: source.partition) }
    var skipped: Bool { message == nil && malformed == nil }
    var recordKey: [UInt8]? { record.key.map { Array($0) } }
    var value: [UInt8]? { Array(record.value) }
    /// Microseconds since the Unix epoch.
    var time: Int64 { Self.microseconds(record.timestamp) }

    /// A foreign producer may have set any time at all.
    private static func microseconds(_ milliseconds: Int64) -> Int64 {
        let (result, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000)
        return overflow ? 0 : result
    }

    /// What is parked together with this record. Without a key nothing is: such records have no order to keep.
    var parkingKey: ParkingKey {
        let key = record.key.map { String(decoding: $0, as: UTF8.self) } ?? source.description
        return ParkingKey(topic: source.topic, key: Self.storable(key))
    }

    /// A key that PostgreSQL can store and index: no NUL, and a digest in place of one that is too long.
    private static func storable(_ key: String) -> String {
        guard key.utf8.count <= 512 else {
            return "sha256:" + SHA256.hash(data: Array(key.utf8)).map { String($0, radix: 16) }.joined(separator: ".")
        }
        return key.withoutNUL
    }

    /// All headers as a JSON object of texts; of a repeated name the last.
    var headersJSON: [UInt8] { headers(adding: []) }

    /// - Parameter truncated: the size of the value where it is too large to be published again.
    func deadLetterHeadersJSON(group: String, error: String, attempts: Int, truncated: Int?) -> [UInt8] {
        headers(
            adding: (truncated.map { [("orderflow_truncated", String($0))] } ?? []) + [
                ("orderflow_group", group), ("orderflow_topic", source.topic),
                ("orderflow_partition", String(source.partition)), ("orderflow_offset", String(source.offset)),
                ("orderflow_attempts", String(attempts)), ("orderflow_error", error),
            ])
    }

    private func headers(adding extra: [(String, String)]) -> [UInt8] {
        var all: [String: String] = [:]
        record.forEachHeader { name, value in
            // jsonb refuses U+0000.
            all[name.replacing("\0", with: "\u{FFFD}")] = String(decoding: value, as: UTF8.self).replacing(
                "\0", with: "\u{FFFD}")
        }
        for (name, value) in extra { all[name] = value }
        var writer = JSONWriter()
        writer.object { json in
            for (name, value) in all.sorted(by: { $0.key < $1.key }) {
                json.key(dynamic: name)
                json.value(value)
            }
        }
        return writer.bytes
    }

    /// - Parameter keyField: what the key is called.
    func logFields(keyField: String, _ more: Logger.Metadata = [:]) -> Logger.Metadata {
        var fields: Logger.Metadata = [
            "topic": "\(source.topic)", "partition": "\(source.partition)", "offset": "\(source.offset)",
        ]
        if let message {
            fields["type"] = "\(message.type)"
            fields[keyField] = "\(message.key)"
            fields["tenant"] = "\(message.tenant)"
            fields["correlation_id"] = "\(message.correlationID)"
            fields.merge(TraceContext.logFields(message.traceparent)) { $1 }
        }
        return fields.merging(more) { $1 }
    }
}
