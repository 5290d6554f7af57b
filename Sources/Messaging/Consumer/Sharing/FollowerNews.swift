import Kafka

/// What was done for a follower by the leader's worker, which its own tells Kafka and stores.
struct FollowerNews: Equatable {
    /// Stored next offsets.
    var stored: [TopicPartition: Int64] = [:]
    /// Next offsets behind records that were passed over, with all before them done.
    var passed: [TopicPartition: Int64] = [:]

    mutating func merge(_ other: FollowerNews) {
        stored.merge(other.stored) { $1 }
        for partition in other.stored.keys { passed[partition] = nil }
        passed.merge(other.passed) { $1 }
    }
}

/// Records that the leader has read for a follower, whose own worker is to handle them: as many as make a batch, or some
/// with one that its handler fails for.
struct HandedRecords: Sendable {
    /// Those that it reacts to.
    let records: [ConsumedRecord]
    /// Behind the last ones of their partitions, those included that it passes over.
    let ends: [TopicPartition: Int64]

    /// The ends behind what was stored, once all of it is done.
    func passed(beyond stored: [TopicPartition: Int64]) -> [TopicPartition: Int64] {
        ends.filter { $0.value > stored[$0.key] ?? 0 }
    }
}
