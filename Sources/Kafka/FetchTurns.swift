/// Notices partitions that hold records and get none, fetch for fetch, while others get theirs.
///
/// A partition that gets some with each answer stands where it is while those of others are seen to that came before them. What
/// one answer may hold, and what lay in librdkafka's queue when it was asked for, is less than `patience`.
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
        }
        let all = next.values.reduce(0, &+)
        var passedOver: Set<TopicPartition> = []
        for (partition, offset) in next {
            guard holdsMore(partition, offset) else {
                standing[partition] = nil
                continue
            }
            if let former = standing[partition], former.next == offset {
                if all &- former.all >= Self.patience { passedOver.insert(partition) }
            } else {
                standing[partition] = Standing(next: offset, all: all)
            }
        }
        return passedOver
    }

    /// Whoever was passed over has had a turn, or hasn't come to it: it counts anew.
    mutating func begin() { standing = [:] }
}
