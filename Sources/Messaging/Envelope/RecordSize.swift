/// How large a record may get.
///
/// What brokers refuse for its size, a relay can't publish, and it must not publish what comes after it: so nothing
/// larger gets into an outbox. A message that would cause such a record becomes a dead letter instead.
enum RecordSize {
    /// Of key and payload. Below librdkafka's `message.max.bytes` (1 000 000) and Kafka's `max.message.bytes`
    /// (1 048 588), with room for envelope and headers.
    static let limit = 900_000

    static func check(_ outbox: [OutgoingEvent]) throws(MessageRejected) {
        for event in outbox where event.payload.count + event.key.utf8.count > limit {
            throw MessageRejected(
                "\(event.type) for \(event.topic) would have \(event.payload.count) bytes; a record takes \(limit)")
        }
    }
}
