import Kafka

/// How large a record may get, as it is sent: key, value, and all headers.
///
/// What brokers refuse for its size, a relay can't publish, and it must not publish what comes after it: so nothing
/// larger gets into an outbox. A message that would cause such a record becomes a dead letter instead.
enum RecordSize {
    /// Of the whole record. Below librdkafka's `message.max.bytes` (1 000 000) and Kafka's `max.message.bytes`
    /// (1 048 588), with room for the batch around it.
    static let limit = 900_000

    /// The lengths of a header's name and value, and of what a record has besides, at most.
    static let headerLengths = 10
    private static let frame = 64

    static func check(_ outbox: [OutgoingEvent]) throws(MessageRejected) {
        for event in outbox {
            let size = of(event)
            guard size > limit else { continue }
            throw MessageRejected("\(event.type) for \(event.topic) would have \(size) bytes; a record takes \(limit)")
        }
    }

    /// What `RelayEncoder` will make of it, or a little more.
    static func of(_ event: OutgoingEvent) -> Int {
        let metadata = event.metadata
        let texts = [
            metadata.id, metadata.source, metadata.tenant, metadata.correlationID, metadata.causationID ?? "",
            metadata.traceparent ?? "", event.contentType.description,
        ]
        // The key is the subject too, the type in both the value and a header.
        return event.payload.count + 2 * (event.key.utf8.count + event.type.utf8.count)
            + texts.reduce(0) { $0 + $1.utf8.count } + constant
    }

    /// Names and lengths of a dozen headers, the envelope's members, time and version, and the signature.
    private static let constant = 664

    static func of(_ message: OutgoingMessage) -> Int {
        frame + (message.key?.count ?? 0) + (message.value?.count ?? 0) + message.headers.size
    }
}
