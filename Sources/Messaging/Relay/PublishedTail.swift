import Execution
import Kafka
import Logging

/// What lies on the topics already though the checkpoint doesn't say so: the records of a leader that was killed after
/// they were acknowledged and before it could move the checkpoint.
///
/// Consumers drop second records of an event, so this is not what makes effects happen once. It keeps a kill from showing
/// on the topic at all, for readers who don't look at ids. Read once by a new leader that finds something to publish;
/// where it can't be read in time, copies appear.
struct PublishedTail {
    private var ids: Set<String> = []
    private var topics: Set<String> = []
    private let reach: Int64

    private static let patience: Duration = .seconds(10)

    /// - Parameter reach: how far back is read: as many records of all partitions of a topic as a leader can have had
    ///   unacknowledged, with what others published there at the same time.
    init(reach: Int64 = 20_000) { self.reach = reach }

    /// Reads the ends of those of `wanted` that haven't been read. Blocks; throws what Kafka says, and `StoppedReading` where
    /// `stop` comes first.
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
                let start = max(marks.low, marks.high - reach / Int64(topic.partitions.count))
                if start < marks.high { ranges[partition] = start..<marks.high }
            }
        }
        guard !ranges.isEmpty else { return }
        let reader = try PartitionReader(kafka, ranges, logger: logger)
        let deadline = ContinuousClock.now + Self.patience
        while !reader.isFinished, !stop.isStopped, .now < deadline {
            guard let batch = try reader.nextBatch(max: 1_000, timeout: .milliseconds(200)) else { continue }
            for message in batch { note(message) }
        }
        if stop.isStopped, !reader.isFinished { throw StoppedReading() }
    }

    /// What is on the topics isn't known.
    struct StoppedReading: Error {}

    /// A record may be either, and which of the two is meant is known by what is looked for.
    private mutating func note(_ message: ConsumedMessage) {
        let topic = message.topic
        for isDeadLetter in [false, true] {
            ids.insert(
                RelayRecord.identity(of: topic, isDeadLetter: isDeadLetter) { name in
                    message.header(name).map { String(decoding: $0, as: UTF8.self) }
                })
        }
    }

    /// Takes out of `records` what is there. A fact that is has its copies out too, which go first.
    func without(_ records: [RelayRecord]) -> [RelayRecord] {
        guard !ids.isEmpty else { return records }
        return records.filter { !ids.contains($0.identity) }.map { record in
            guard !record.copies.isEmpty else { return record }
            var record = record
            record.copies.removeAll {
                ids.contains(RelayRecord.identity(of: $0.message, isDeadLetter: false))
            }
            return record
        }
    }
}
