/// Notices partitions that hold records and get none, fetch for fetch, while others get theirs.
///
/// A partition that gets some with each answer stands where it is while those of others are seen to that came before them. What
/// one answer may hold, and what lay in librdkafka's queue when it was asked for, is less than `patience`.
///
/// Its end may be no record, but what a transaction leaves, or records of one that is open yet. Whoever had a turn in vain waits
/// twice as long for the next one.
struct FetchTurns {
    /// Records that others get meanwhile: `fetch.max.bytes` of the smallest ones that there are come to some 30 000.
    static let patience: Int64 = 40_000

    private struct Standing {
        let next: Int64
        /// How far all partitions together were.
        let all: Int64
    }

    private var members: Set<TopicPartition> = []
    private var standing: [TopicPartition: Standing] = [:]
    /// Turns in vain since a partition moved last.
    private var vain: [TopicPartition: Int64] = [:]

    /// Those of them that have been passed over for too long.
    ///
    /// - Parameters:
    ///   - next: the offset that comes next of each partition.
    ///   - holdsMore: whether a partition has a record at that offset.
    mutating func passedOver(
        _ next: [TopicPartition: Int64], holdsMore: (TopicPartition, Int64) -> Bool
    ) -> Set<TopicPartition> {
        if members != Set(next.keys) {
            members = Set(next.keys)
            standing = [:]
            vain = [:]
        }
        let all = next.values.reduce(0, &+)
        var passedOver: Set<TopicPartition> = []
        for (partition, offset) in next {
            guard holdsMore(partition, offset) else {
                standing[partition] = nil
                continue
            }
            guard let former = standing[partition], former.next == offset else {
                if standing.updateValue(Standing(next: offset, all: all), forKey: partition) != nil {
                    vain[partition] = nil
                }
                continue
            }
            if all &- former.all >= Self.patience << vain[partition, default: 0] { passedOver.insert(partition) }
        }
        return passedOver
    }

    /// A turn is over; from now on all count anew.
    ///
    /// - Parameter starts: where those were that had it.
    mutating func end(from starts: [TopicPartition: Int64], at next: [TopicPartition: Int64]) {
        standing = [:]
        for (partition, start) in starts {
            // Some billions of records are as good as never.
            vain[partition] = next[partition] == start ? min(vain[partition, default: 0] + 1, 20) : nil
        }
    }
}
