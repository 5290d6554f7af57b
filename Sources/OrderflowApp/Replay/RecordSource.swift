import Kafka
import Logging

/// Where a replay's records come from, one batch after the other.
protocol RecordSource {
    /// Whether there is nothing more to come.
    var isFinished: Bool { get }
    /// The next records, in order; empty when none came within `timeout`.
    mutating func next(timeout: Duration) throws -> [ConsumedMessage]
    /// What holds it up, nil while it flows.
    var problem: KafkaError? { get }
}

extension RecordSource {
    /// How long brokers may be silent before a reader that should have something to read gives up.
    static var patience: Duration { .seconds(60) }

    /// What to say then.
    var silence: ReplayError { ReplayError(problem.map { "\($0)" } ?? "the brokers send nothing any more") }
}

/// Records as they come: each partition in its order, partitions in none.
struct UnmergedRecords: RecordSource {
    private let reader: PartitionReader

    init(_ kafka: KafkaConfiguration, _ ranges: [TopicPartition: Range<Int64>], logger: Logger) throws {
        reader = try PartitionReader(kafka, ranges, memory: 16 << 20, logger: logger)
    }

    var isFinished: Bool { reader.isFinished }
    var problem: KafkaError? { reader.lastError }

    mutating func next(timeout: Duration) throws -> [ConsumedMessage] {
        try reader.nextBatch(max: 2_000, timeout: timeout).map { Array($0) } ?? []
    }
}

/// Records of all partitions in the order of their times, and of one partition in its order even where its times
/// aren't: a merge of the partitions, each of which is read ahead by one batch.
struct MergedRecords: RecordSource {
    private struct Head {
        let partition: TopicPartition
        var batch: MessageBatch
        var index = 0
        var time: Int64

        init(_ partition: TopicPartition, _ batch: MessageBatch) {
            self.partition = partition
            self.batch = batch
            time = batch[0].timestamp
        }
    }

    private let reader: PartitionReader
    private let partitions: [TopicPartition]
    private var heads: [Head] = []

    init(_ kafka: KafkaConfiguration, _ ranges: [TopicPartition: Range<Int64>], logger: Logger) throws {
        reader = try PartitionReader(kafka, ranges, apart: true, logger: logger)
        partitions = ranges.keys.sorted()
    }

    var isFinished: Bool { reader.isFinished && heads.isEmpty }
    var problem: KafkaError? { reader.lastError }

    mutating func next(timeout: Duration) throws -> [ConsumedMessage] {
        var merged: [ConsumedMessage] = []
        merged.reserveCapacity(1_000)
        while merged.count < 1_000, try fill(timeout: merged.isEmpty ? timeout : .zero), !heads.isEmpty {
            var first = 0
            for index in heads.indices.dropFirst() where Self.precedes(heads[index], heads[first]) { first = index }
            merged.append(heads[first].batch[heads[first].index])
            advance(first)
        }
        return merged
    }

    /// Equal times are ordered by partition, so that two replays agree.
    private static func precedes(_ a: Head, _ b: Head) -> Bool { (a.time, a.partition) < (b.time, b.partition) }

    private mutating func advance(_ index: Int) {
        heads[index].index += 1
        if heads[index].index == heads[index].batch.count {
            heads.swapAt(index, heads.count - 1)
            heads.removeLast()
        } else {
            heads[index].time = max(heads[index].time, heads[index].batch[heads[index].index].timestamp)
        }
    }

    /// Sees to it that every partition that isn't through has its next record here. False when one hasn't come yet.
    private mutating func fill(timeout: Duration) throws -> Bool {
        guard heads.count < reader.unfinished.count || heads.count < partitions.count else { return true }
        for partition in partitions where !heads.contains(where: { $0.partition == partition }) {
            if let batch = try reader.nextBatch(of: partition, max: 500, timeout: timeout) {
                heads.append(Head(partition, batch))
            } else if reader.unfinished.contains(partition) {
                return false
            }
        }
        return true
    }
}
