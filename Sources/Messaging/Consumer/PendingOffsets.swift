import Kafka

/// Offsets that are stored and that Kafka hasn't been told of yet. Only lag tools look at Kafka's: what a second brings
/// goes there in one request.
struct OffsetHints {
    private var offsets: [TopicPartition: Int64] = [:]
    private var since = ContinuousClock.now

    private static let interval: Duration = .seconds(1)

    mutating func note(_ stored: [TopicPartition: Int64]) {
        if stored.isEmpty { return }
        if offsets.isEmpty { since = .now }
        offsets.merge(stored) { $1 }
    }

    var isDue: Bool { !offsets.isEmpty && since.duration(to: .now) >= Self.interval }

    /// All but those of partitions that the group's member doesn't have any more: those are another's to tell.
    mutating func take(having assigned: Set<TopicPartition>) -> [TopicPartition: Int64] {
        defer { offsets = [:] }
        return offsets.filter { assigned.contains($0.key) }
    }
}
