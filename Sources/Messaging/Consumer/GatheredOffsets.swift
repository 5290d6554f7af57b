import Kafka

/// Next offsets that gather for a second, to be stored or committed all at once.
struct GatheredOffsets {
    private var offsets: [TopicPartition: Int64] = [:]
    private var since = ContinuousClock.now

    private static let interval: Duration = .seconds(1)

    mutating func note(_ next: [TopicPartition: Int64]) {
        if next.isEmpty { return }
        if offsets.isEmpty { since = .now }
        offsets.merge(next) { $1 }
    }

    mutating func remove(_ partitions: some Sequence<TopicPartition>) {
        for partition in partitions { offsets[partition] = nil }
    }

    var isEmpty: Bool { offsets.isEmpty }

    var isDue: Bool { !offsets.isEmpty && since.duration(to: .now) >= Self.interval }

    /// All but those of partitions that the group's member doesn't have any more: those are another's business.
    mutating func take(having assigned: Set<TopicPartition>) -> [TopicPartition: Int64] {
        defer { offsets = [:] }
        return offsets.filter { assigned.contains($0.key) }
    }
}
