import Execution
import Kafka
import TestServers
import Testing

/// A consumer of a test's group, with what it has read.
final class TestMember: Sendable {
    let consumer: BatchConsumer
    let listener: RecordingListener
    private let truth: GroupOffsets?
    private let hasUrgentTopics: Bool
    private let read = Monitor<[Record]>([])

    init(
        _ topic: TestTopic, group: String? = nil, offsets: GroupOffsets? = nil, listener: RecordingListener? = nil,
        _ change: (inout ConsumerConfiguration) -> Void = { _ in }
    ) throws {
        var configuration = ConsumerConfiguration(
            topic.kafka, group: group ?? "\(topic.name)-group", topics: [topic.name])
        // Mock brokers have no DescribeGroups.
        if topic.isMocked { configuration.watchInterval = .seconds(3_600) }
        change(&configuration)
        truth = offsets
        hasUrgentTopics = !configuration.urgentTopics.isEmpty
        self.listener = listener ?? RecordingListener(offsets: offsets)
        consumer = try BatchConsumer(configuration, listener: self.listener, logger: quiet)
    }

    var records: [Record] { read.withLock { $0 } }
    /// By partition, as they came.
    var offsets: [Int32: [Int64]] { Dictionary(grouping: records, by: \.partition).mapValues { $0.map(\.offset) } }

    /// Urgent ones, if there are any, or others.
    func next(max: Int, timeout: Duration) throws(KafkaError) -> MessageBatch? {
        if hasUrgentTopics, let batch = try consumer.nextBatch(max: max, urgent: true, timeout: .zero) { return batch }
        return try consumer.nextBatch(max: max, timeout: timeout)
    }

    /// Waits for a batch, notes what is in it, and leaves it in hand.
    func take(max: Int = 100, urgent: Bool = false) throws -> MessageBatch {
        var taken: MessageBatch?
        try eventually("a batch comes") {
            taken = try consumer.nextBatch(max: max, urgent: urgent, timeout: .milliseconds(100))
            return taken != nil
        }
        let batch = try #require(taken)
        note(batch)
        return batch
    }

    /// Reads, commits and finishes batches until `count` records are read.
    func read(until count: Int, max: Int = 100) throws {
        try eventually(within: .seconds(40), "\(count) records are read, not \(records.count)") {
            if let batch = try next(max: max, timeout: .milliseconds(100)) {
                note(batch)
                finish(batch)
            }
            return records.count >= count
        }
    }

    /// Reads until the consumer can't go on, and returns why.
    func readUntilItFails() throws -> KafkaError {
        var failure: KafkaError?
        try eventually(within: .seconds(40), "the consumer says that it can't go on") {
            do throws(KafkaError) {
                if let batch = try consumer.nextBatch(max: 10, timeout: .milliseconds(100)) { note(batch) }
            } catch {
                failure = error
            }
            return failure != nil
        }
        return try #require(failure)
    }

    /// Goes on reading on a thread of its own until `stop`.
    func readOn(until stop: StopSignal) -> DedicatedThread {
        DedicatedThread.start("member") { [self] in
            while !stop.isStopped {
                guard let batch = try? next(max: 50, timeout: .milliseconds(100)) else { continue }
                note(batch)
                finish(batch)
            }
        }
    }

    func finish(_ batch: MessageBatch) {
        var next: [TopicPartition: Int64] = [:]
        for message in batch {
            next[TopicPartition(topic: message.topic, partition: message.partition)] = message.offset + 1
        }
        if let truth { truth.store(next) } else { try? consumer.commitSync(next) }
        consumer.finish(batch)
    }

    func close() { consumer.close(timeout: .seconds(20)) }

    private func note(_ batch: MessageBatch) { read.update { $0 += batch.map { Record($0) } } }
}
