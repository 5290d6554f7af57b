import Kafka
import Logging
import Telemetry

/// A Kafka record as the runner works with it, with the verdict on it. The raw parts are borrowed from the batch, which
/// outlives it.
struct ConsumedRecord {
    let record: ConsumedMessage
    let source: InboundMessage.Source
    private(set) var message: InboundMessage?
    /// Of its handling, in a process that traces.
    private(set) var span: ActiveSpan?
    /// Why it can't be handled.
    let malformed: String?
    /// Nothing of it is believed, its key included.
    let isForged: Bool
    /// Why it can't be read now: to be read again.
    let unavailable: String?

    init(_ record: ConsumedMessage, by reader: RecordReader) { self.init(record, of: record.topic, by: reader) }

    /// - Parameter reader: nil for one who passes over whatever it is.
    private init(_ record: ConsumedMessage, of topic: String, by reader: RecordReader?) {
        self.record = record
        source = InboundMessage.Source(topic: topic, partition: record.partition, offset: record.offset)
        switch reader?.read(record, at: source) {
        case .event(let event): (message, malformed, isForged, unavailable) = (event, nil, false, nil)
        case .nothing, nil: (message, malformed, isForged, unavailable) = (nil, nil, false, nil)
        case .poison(let reason): (message, malformed, isForged, unavailable) = (nil, reason, false, nil)
        case .forged(let reason): (message, malformed, isForged, unavailable) = (nil, reason, true, nil)
        case .unavailable(let reason): (message, malformed, isForged, unavailable) = (nil, nil, false, reason)
        }
    }

    /// Those of a batch, in order. They come in runs of a topic: its name is made once for a run.
    ///
    /// - Parameter reader: nil for one who passes over all of them.
    static func all(in batch: MessageBatch, by reader: RecordReader?) -> [ConsumedRecord] {
        var topic = ""
        var former: ConsumedMessage?
        return batch.map { record in
            if former?.isOfTopic(of: record) != true { topic = record.topic }
            former = record
            return ConsumedRecord(record, of: topic, by: reader)
        }
    }

    /// The message comes under `span` from now on.
    mutating func follow(_ span: ActiveSpan) {
        self.span = span
        message?.traceparent = span.traceparent
    }

    var partition: TopicPartition { TopicPartition(topic: source.topic, partition: source.partition) }
    var skipped: Bool { message == nil && malformed == nil && unavailable == nil }
    var isTombstone: Bool { record.isTombstone }
    var recordKey: [UInt8]? { record.key.map { Array($0) } }
    /// Nil for a tombstone.
    var value: [UInt8]? { record.isTombstone ? nil : Array(record.value) }
    /// Microseconds since the Unix epoch.
    var time: Int64 { record.time }

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
