import Kafka

/// What one transaction did.
struct BatchResult {
    /// Next offsets that it stored.
    var offsets: [TopicPartition: Int64] = [:]
    var handled = 0
    /// Records below the stored offset, or of an event that the inbox has.
    var repeated = 0
    /// Records of types that the group doesn't react to.
    var skipped = 0
    /// Records with a null value.
    var tombstones = 0
    /// Records that became dead letters, and those that wait behind one.
    var deadLettered = 0
    var parked = 0
    var wroteOutbox = false
    /// Of records that have a span.
    var outcomes: [InboundMessage.Source: ConsumedRecord.Outcome] = [:]
}
