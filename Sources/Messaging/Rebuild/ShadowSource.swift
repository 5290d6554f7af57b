import Kafka
import Logging

/// The live group's topics, each partition up to where the live group is and no further: what it does with a record
/// has been decided then, and both can be compared.
///
/// Reads ahead within librdkafka's limits, so that the last stretch, for which the live group waits, is in memory.
final class ShadowSource {
    private let kafka: KafkaConfiguration
    private let memory: Int
    /// How long the brokers may be silent.
    private let patience: Duration
    private var heard = ContinuousClock.now
    private let logger: Logger
    private var reader: PartitionReader?
    private var reading: Set<TopicPartition> = []
    private var heads: [TopicPartition: (batch: MessageBatch, index: Int)] = [:]
    private(set) var positions: ShadowPositions

    /// Bytes that are read ahead, unless the caller says otherwise.
    static let memory = 16 << 20

    init(
        _ kafka: KafkaConfiguration, from next: [TopicPartition: Int64], memory: Int = ShadowSource.memory,
        patience: Duration, logger: Logger
    ) {
        self.kafka = kafka
        self.memory = memory
        self.patience = patience
        positions = ShadowPositions(from: next)
        self.logger = logger
    }

    var isThrough: Bool { positions.isThrough }
    /// Why nothing comes.
    private var silence: RebuildError {
        RebuildError(
            reader?.lastError.map { "\($0)" }
                ?? "the brokers send nothing any more, \(positions.remaining) records are missing")
    }

    func extend(to bounds: [TopicPartition: Int64]) throws {
        try positions.extend(to: bounds)
        heard = .now
        let partitions = Set(bounds.filter { $0.value > 0 }.keys)
        guard !partitions.isSubset(of: reading) else { return }
        // What lies here unread comes again.
        heads = [:]
        reading = partitions.union(reading)
        reader = try PartitionReader(
            kafka, Dictionary(uniqueKeysWithValues: reading.map { ($0, (positions.next[$0] ?? 0)..<Int64.max) }),
            apart: true, memory: memory, logger: logger)
    }

    /// Hands over records, up to `max` of them, each partition in order. Returns how many; 0 when none came within
    /// `timeout`. Throws when none have come for as long as brokers may be silent.
    func take(max: Int, timeout: Duration, _ body: (ConsumedMessage) throws -> Void) throws -> Int {
        var count = 0
        var waited = false
        while count < max {
            let before = count
            for (partition, bound) in positions.bounds where positions.next[partition] ?? 0 < bound {
                count += try take(partition, below: bound, max: max - count, timeout: .zero, body)
            }
            guard count == before else { continue }
            // Nothing is here: wait for one of those that are wanted, once.
            guard count == 0, !waited,
                let (partition, bound) = positions.bounds.first(where: { positions.next[$0.key] ?? 0 < $0.value })
            else { break }
            waited = true
            count += try take(partition, below: bound, max: max, timeout: timeout, body)
        }
        if count > 0 {
            heard = .now
        } else if heard.duration(to: .now) >= patience {
            throw silence
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
                if reader.reachedEnds[partition] ?? 0 >= bound { positions.next[partition] = bound }
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
            positions.next[partition] = head.batch[index - 1].offset + 1
        } else {
            heads[partition] = (head.batch, index)
            // Offsets between this record and the one before it hold nothing.
            positions.next[partition] = min(head.batch[index].offset, bound)
        }
        return index - head.index
    }
}
