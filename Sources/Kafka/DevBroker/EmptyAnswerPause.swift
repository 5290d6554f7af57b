/// How long to pause behind fetches that bring nothing, from a broker that doesn't hold empty answers back.
///
/// A broker is asked to hold an empty answer back for `fetch.wait.max.ms`, and Kafka does. The dev broker doesn't:
/// librdkafka asks again at once, thousands of times a second, on every idle consumer. Where an answer without records
/// came sooner than a broker that waits could give it, the broker's thread pauses, twice as long each time.
struct EmptyAnswerPause {
    /// Adds this much to the latency of a record that arrives at an idle consumer, at most. µs.
    static let longest: UInt32 = 8_000
    static let first: UInt32 = 1_000
    /// An answer that came sooner than this was not held back. µs; far below any sensible `fetch.wait.max.ms`.
    static let heldBack: Int64 = 50_000
    /// Room that one partition without records takes in an answer; a record with its batch takes more.
    static let emptyPartition = 60

    private var next = first

    /// The pause behind an answer, in µs; nil for one that has records, or was held back.
    ///
    /// - Parameters:
    ///   - size: of the answer, in bytes.
    ///   - roundTrip: from the request to the answer, in µs.
    ///   - partitions: assigned to the consumer.
    mutating func length(behind size: Int, roundTrip: Int64, partitions: Int) -> UInt32? {
        guard roundTrip < Self.heldBack, size < (partitions + 1) * Self.emptyPartition else {
            next = Self.first
            return nil
        }
        defer { next = min(next * 2, Self.longest) }
        return next
    }
}
