import Execution
import Kafka
import Logging

/// What lies on the topics already though the checkpoint doesn't say so: the records of a leader that was killed after
/// they were acknowledged and before it could move the checkpoint.
///
/// Consumers drop second records by `ce_id`, so this is not what makes effects happen once. It keeps a kill from showing
/// on the topic at all, for readers who don't look at ids. Read once by a new leader that finds something to publish;
/// where it can't be read in time, copies appear.
struct PublishedTail {
    private var ids: Set<String> = []
    private var topics: Set<String> = []

    /// How far back is read: as many records of all partitions of a topic as a leader can have had unacknowledged,
    /// with what others published there at the same time.
    private static let reach: Int64 = 20_000
    private static let patience: Duration = .seconds(10)

    /// Reads the ends of those of `wanted` that haven't been read. Blocks; throws what Kafka says.
    mutating func read(
        _ wanted: Set<String>, kafka: KafkaConfiguration, logger: Logger, until stop: StopSignal
    ) throws {
        let new = wanted.subtracting(topics)
        guard !new.isEmpty else { return }
        topics.formUnion(new)
        let admin = try Admin(kafka, timeout: .seconds(5), logger: logger)
        var ranges: [TopicPartition: Range<Int64>] = [:]
        for topic in try admin.topics() where new.contains(topic.name) {
            for partition in topic.places {
                let marks = try admin.watermarks(partition)
                let start = max(marks.low, marks.high - Self.reach / Int64(topic.partitions.count))
                if start < marks.high { ranges[partition] = start..<marks.high }
            }
        }
        guard !ranges.isEmpty else { return }
        let reader = try PartitionReader(kafka, ranges, logger: logger)
        let deadline = ContinuousClock.now + Self.patience
        while !reader.isFinished, !stop.isStopped, .now < deadline {
            guard let batch = try reader.nextBatch(max: 1_000, timeout: .milliseconds(200)) else { continue }
            for message in batch {
                let topic = message.topic
                message.forEachHeader { name, value in
                    if name == EventHeader.id { ids.insert(Self.key(topic, value)) }
                }
            }
        }
    }

    /// Takes out of `messages` what is there.
    func without(_ messages: [OutgoingMessage]) -> [OutgoingMessage] {
        guard !ids.isEmpty else { return messages }
        return messages.filter { message in
            guard let id = message.headers[EventHeader.id] else { return true }
            return !id.withUnsafeBytes { ids.contains(Self.key(message.topic, $0)) }
        }
    }

    /// A dead letter has the id of its original, which lies on another topic.
    private static func key(_ topic: String, _ id: UnsafeRawBufferPointer) -> String {
        topic + "\0" + String(decoding: id, as: UTF8.self)
    }
}
