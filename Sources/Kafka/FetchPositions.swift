/// The next offset to come of each partition that a member has, to notice one that falls back.
///
/// librdkafka goes to a partition's beginning by itself when its place in it is no more (`auto.offset.reset`), without a
/// word to the reader: what was read is gone from the partition, and what comes now may be new under old offsets.
struct FetchPositions {
    private(set) var next: [TopicPartition: Int64] = [:]

    /// Logical starts, which are negative, say nothing until the first record.
    mutating func place(_ starts: [TopicPartition: Int64]) {
        for (partition, start) in starts { next[partition] = start < 0 ? nil : start }
    }

    mutating func remove(_ partitions: Set<TopicPartition>) { for partition in partitions { next[partition] = nil } }

    /// One partition's records in a row.
    struct Run {
        let partition: TopicPartition
        fileprivate var next: Int64
        /// What was expected, of a partition that has fallen back.
        private(set) var expected: Int64?

        /// False for a record before the expected one, and for all after it.
        mutating func takes(_ offset: Int64) -> Bool {
            guard expected == nil else { return false }
            guard offset >= next else {
                expected = next
                return false
            }
            next = offset + 1
            return true
        }
    }

    func run(of partition: TopicPartition) -> Run { Run(partition: partition, next: next[partition] ?? 0) }

    mutating func end(_ run: Run) { next[run.partition] = run.next }
}
