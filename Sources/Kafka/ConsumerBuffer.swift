import CLibrdkafka
import DequeModule
import Execution

/// What lies between the poll thread and the workers.
///
/// Records of urgent topics go first, in batches of their own, which are small and soon through; but while others wait, not
/// more than `turns` batches in a row. Where urgent ones have come lately, batches of others are so small that they are soon
/// through: the next urgent one waits for the one that is under way.
///
/// `@unchecked Sendable`: lives inside a `Monitor`; the messages it points to are touched by nobody else.
struct ConsumerBuffer: @unchecked Sendable {
    /// Records that were fetched and not handed out, with their bytes.
    private struct Line {
        var messages: Deque<UnsafeMutablePointer<rd_kafka_message_t>> = []
        var bytes = 0

        mutating func append(_ message: UnsafeMutablePointer<rd_kafka_message_t>) {
            messages.append(message)
            bytes += ConsumerBuffer.size(message)
        }

        mutating func take(_ max: Int) -> [UnsafeMutablePointer<rd_kafka_message_t>] {
            let taken = Array(messages.prefix(max))
            messages.removeFirst(taken.count)
            for message in taken { bytes -= ConsumerBuffer.size(message) }
            return taken
        }

        /// Drops what waits of `partitions` (nil: everything).
        mutating func drop(_ partitions: Set<TopicPartition>?) {
            var kept = Line()
            for message in messages {
                if let partitions, !partitions.contains(ConsumerBuffer.partition(message)) {
                    kept.append(message)
                } else {
                    rd_kafka_message_destroy(message)
                }
            }
            self = kept
        }
    }

    /// What a worker has.
    private struct Batch {
        let partitions: Set<TopicPartition>
        let count: Int
        let isUrgent: Bool
        let since: ContinuousClock.Instant
    }

    private var ordinary = Line()
    private var urgent = Line()
    /// Urgent batches in a row while others waited.
    private var urgentTurns = 0
    private var alert = UrgencyAlert()
    /// Of batches of others, while urgent ones are expected.
    private var span = BatchSpan()
    private var inHand: [UInt64: Batch] = [:]
    private var nextBatch: UInt64 = 0
    var closed = false
    /// Nobody waits for records any more.
    var isHurried = false

    /// Urgent batches in a row, at most, while others wait.
    static let turns = 4

    var count: Int { ordinary.messages.count + urgent.messages.count }
    var bytes: Int { ordinary.bytes + urgent.bytes }
    /// Of topics that aren't urgent.
    var ordinaryCount: Int { ordinary.messages.count }
    var ordinaryBytes: Int { ordinary.bytes }
    var urgentCount: Int { urgent.messages.count }

    mutating func append(_ message: UnsafeMutablePointer<rd_kafka_message_t>, isUrgent: Bool = false) {
        if isUrgent { urgent.append(message) } else { ordinary.append(message) }
    }

    /// Urgent ones are expected.
    var isAlert: Bool { alert.isOn(at: .now) }

    /// Up to `max` messages for a worker, all of them urgent or none.
    mutating func take(_ max: Int, _ handle: KafkaHandle) -> MessageBatch? {
        let now = ContinuousClock.now
        let (taken, isUrgent) = next(max, at: now)
        guard !taken.isEmpty else { return nil }
        var partitions: Set<TopicPartition> = []
        var last: (topic: OpaquePointer?, partition: Int32)?
        for message in taken {
            // Messages come in runs of a partition: naming each run is enough.
            if let last, last.topic == message.pointee.rkt, last.partition == message.pointee.partition { continue }
            last = (message.pointee.rkt, message.pointee.partition)
            partitions.insert(Self.partition(message))
        }
        nextBatch += 1
        inHand[nextBatch] = Batch(partitions: partitions, count: taken.count, isUrgent: isUrgent, since: now)
        return MessageBatch(nextBatch, taken, partitions, isUrgent: isUrgent, handle)
    }

    private mutating func next(
        _ max: Int, at now: ContinuousClock.Instant
    ) -> (messages: [UnsafeMutablePointer<rd_kafka_message_t>], isUrgent: Bool) {
        let hasOthers = !ordinary.messages.isEmpty
        if !urgent.messages.isEmpty, !hasOthers || urgentTurns < Self.turns {
            urgentTurns = hasOthers ? urgentTurns + 1 : 0
            alert.raise(at: now)
            return (urgent.take(max), true)
        }
        urgentTurns = 0
        return (ordinary.take(alert.isOn(at: now) ? span.count(of: max) : max), false)
    }

    mutating func finish(_ id: UInt64) {
        guard let batch = inHand.removeValue(forKey: id), !batch.isUrgent else { return }
        span.noted(batch.count, took: batch.since.duration(to: .now))
    }

    func isInHand(_ partitions: Set<TopicPartition>) -> Bool {
        inHand.values.contains { !$0.partitions.isDisjoint(with: partitions) }
    }

    /// Drops what waits of `partitions` (nil: everything).
    mutating func drop(_ partitions: Set<TopicPartition>?) {
        ordinary.drop(partitions)
        urgent.drop(partitions)
    }

    static func partition(_ message: UnsafeMutablePointer<rd_kafka_message_t>) -> TopicPartition {
        TopicPartition(
            topic: String(cString: rd_kafka_topic_name(message.pointee.rkt)), partition: message.pointee.partition)
    }

    /// Payload, key and librdkafka's own book-keeping.
    private static func size(_ message: UnsafeMutablePointer<rd_kafka_message_t>) -> Int {
        message.pointee.len + message.pointee.key_len + 256
    }
}
