import Kafka
import Logging
import Messaging
import OrderFacts
import OrderflowKit
import Schemas

extension MicroCase {
    /// What the formats of payloads cost a relay and a reader, the frames and headers of a record with them.
    static func formats() throws -> [MicroCase] {
        let codecs = try OrderflowApp.services.facts.payloadCodecs()
        let record = OrderRecord(1)
        return try ([nil] + SchemaFormat.allCases.map { $0 }).flatMap { (format: SchemaFormat?) in
            let name = format?.title ?? "JSON"
            let formats = RelayFormats(
                TopicFormats(others: format), codecs: codecs, service: "bench", logger: Logger(label: "bench"))
            var encoder = OrderRecord.encoder(formats: formats)
            let sent = try record.encoded(for: "order-events", by: &encoder)
            return [
                MicroCase("OrderCreated's record, encoded as \(name)") {
                    try record.encoded(for: "order-events", by: &encoder).value?.count ?? 0
                },
                decoding("OrderCreated's record, decoded from \(name)", sent, codecs),
            ]
        }
    }

    private static func decoding(_ name: String, _ sent: OutgoingMessage, _ codecs: PayloadCodecs) -> MicroCase {
        let reader = RecordReader(
            types: [OrderCreated.type], codecs: codecs, content: OrderflowApp.services.facts.door)
        let source = InboundMessage.Source(topic: "order-events", partition: 0, offset: 1)
        let (value, key) = (sent.value ?? [], sent.key ?? [])
        return MicroCase(name) {
            var envelope = EnvelopeHeaders(for: reader)
            sent.headers.forEach { envelope.take($0, $1) }
            return value.withUnsafeBytes { value in
                key.withUnsafeBytes { key in
                    let verdict = EnvelopeDecoder.decode(
                        value: value, key: key, headers: envelope, source: source, recordTime: OrderRecord.time,
                        by: reader)
                    if case .event(let message) = verdict { return message.payload.count }
                    return 0
                }
            }
        }
    }
}

extension SchemaFormat {
    var title: String {
        switch self {
        case .protobuf: "Protobuf"
        case .avro: "Avro"
        }
    }
}

extension SchemaFormat {
    /// Confluent's: a byte, an id, and in Protobuf which message it is.
    var frameSize: Int {
        switch self {
        case .protobuf: 6
        case .avro: 5
        }
    }
}
