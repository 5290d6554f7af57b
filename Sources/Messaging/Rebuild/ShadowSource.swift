import Kafka
import Logging
import Postgres

/// The live group's topics, each partition up to where the live group is and no further: what it does with a record
/// has been decided then, and both can be compared.
///
/// Reads ahead within librdkafka's limits, so that the last stretch, for which the live group waits, is in memory.
final class ShadowSource {
    private let kafka: KafkaConfiguration
    private let logger: Logger
    private var reader: PartitionReader?
    private var reading: Set<TopicPartition> = []
    private var heads: [TopicPartition: (batch: MessageBatch, index: Int)] = [:]
    /// The next offset of each partition.
    private(set) var next: [TopicPartition: Int64]
    /// The live group's.
    private(set) var bounds: [TopicPartition: Int64] = [:]

    init(_ kafka: KafkaConfiguration, from next: [TopicPartition: Int64], logger: Logger) {
        self.kafka = kafka
        self.next = next
        self.logger = logger
    }

    var isThrough: Bool { bounds.allSatisfy { next[$0.key] ?? 0 >= $0.value } }
    var remaining: Int64 { bounds.reduce(0) { $0 + max(0, $1.value - (next[$1.key] ?? 0)) } }
    var problem: KafkaError? { reader?.lastError }

    func extend(to bounds: [TopicPartition: Int64]) throws {
        for (partition, bound) in bounds where bound < next[partition] ?? 0 {
            throw RebuildError(
                "the live group has gone back to \(bound) in \(partition), where the rebuilt model is at "
                    + "\(next[partition] ?? 0): wait until it has caught up, or start anew with --discard")
        }
        self.bounds = bounds
        let partitions = Set(bounds.filter { $0.value > 0 }.keys)
        guard !partitions.isSubset(of: reading) else { return }
        // What lies here unread comes again.
        heads = [:]
        reading = partitions.union(reading)
        reader = try PartitionReader(
            kafka, Dictionary(uniqueKeysWithValues: reading.map { ($0, (next[$0] ?? 0)..<Int64.max) }), apart: true,
            logger: logger)
    }

    /// The topics must hold all that the live group has seen.
    func checkTopics(_ admin: Admin) throws {
        for (partition, bound) in bounds.sorted(by: { $0.key < $1.key }) {
            let next = next[partition] ?? 0
            guard next < bound else { continue }
            let marks = try admin.watermarks(partition)
            guard marks.low <= next else {
                throw RebuildError(
                    "\(partition) starts at offset \(marks.low): what was before it is gone, and would be missing")
            }
            guard marks.high >= bound else {
                throw RebuildError(
                    "\(partition) ends at offset \(marks.high), but the live group is at \(bound): the broker has lost records"
                )
            }
        }
    }

    /// The live group's letters from here on, as they are now.
    func letters(of group: String, on connection: Connection) throws -> ShadowLetters {
        try .load(
            group: group, from: Dictionary(uniqueKeysWithValues: bounds.keys.map { ($0, next[$0] ?? 0) }),
            on: connection)
    }

    /// Hands over records, up to `max` of them, each partition in order. Returns how many; 0 when none came within
    /// `timeout`.
    func take(max: Int, timeout: Duration, _ body: (ConsumedMessage) throws -> Void) throws -> Int {
        var count = 0
        var waited = false
        while count < max {
            let before = count
            for (partition, bound) in bounds where next[partition] ?? 0 < bound {
                count += try take(partition, below: bound, max: max - count, timeout: .zero, body)
            }
            guard count == before else { continue }
            // Nothing is here: wait for one of those that are wanted, once.
            guard count == 0, !waited, let (partition, bound) = bounds.first(where: { next[$0.key] ?? 0 < $0.value })
            else { break }
            waited = true
            count += try take(partition, below: bound, max: max, timeout: timeout, body)
        }
        return count
    }

    private func take(
        _ partition: TopicPartition, below bound: Int64, max: Int, timeout: Duration,
        _ body: (ConsumedMessage) throws -> Void
    ) throws -> Int {
        guard let reader, max > 0 else { return 0 }
        if heads[partition] == nil {
            guard let batch = try reader.nextBatch(of: partition, max: 2_000, timeout: timeout) else {
                // The last offsets may be no records: markers of transactions, or compacted away.
                if reader.reachedEnds[partition] ?? 0 >= bound { next[partition] = bound }
                return 0
            }
            heads[partition] = (batch, 0)
        }
        guard let head = heads.removeValue(forKey: partition) else { return 0 }
        var index = head.index
        while index < head.batch.count, index - head.index < max, head.batch[index].offset < bound {
            try body(head.batch[index])
            index += 1
        }
        if index == head.batch.count {
            next[partition] = head.batch[index - 1].offset + 1
        } else {
            heads[partition] = (head.batch, index)
            // Offsets between this record and the one before it hold nothing.
            next[partition] = min(head.batch[index].offset, bound)
        }
        return index - head.index
    }
}
