import CLibrdkafka
import DequeModule

/// What lies between the poll thread and the workers.
///
/// Records of urgent topics go first, in batches of their own, which are small and soon through; but while others wait, not
/// more than `turns` batches in a row. Where urgent ones have come lately, batches of others are smaller: the next urgent
/// one waits for the one that is under way.
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

    private var ordinary = Line()
    private var urgent = Line()
    /// Urgent batches in a row while others waited.
    private var urgentTurns = 0
    /// Until when urgent ones are expected.
    private var alertUntil: ContinuousClock.Instant?
    /// Partitions of batches that workers have.
    private(set) var inHand: [UInt64: Set<TopicPartition>] = [:]
    private var nextBatch: UInt64 = 0
    var closed = false
    /// Nobody lets records gather any more.
    var isHurried = false
    /// The worker that waits for records, or the next one, is to look for other work.
    var isRoused = false

    /// Urgent batches in a row, at most, while others wait.
    static let turns = 4
    /// A batch of others beside urgent ones is this part of one.
    static let part = 4
    /// How long after an urgent record others are expected: longer than an order is on its way.
    static let alert: Duration = .seconds(10)

    var count: Int { ordinary.messages.count + urgent.messages.count }
    var bytes: Int { ordinary.bytes + urgent.bytes }
    /// Of topics that aren't urgent.
    var ordinaryCount: Int { ordinary.messages.count }
    var ordinaryBytes: Int { ordinary.bytes }
    var urgentCount: Int { urgent.messages.count }

    mutating func append(_ message: UnsafeMutablePointer<rd_kafka_message_t>, isUrgent: Bool = false) {
        if isUrgent { urgent.append(message) } else { ordinary.append(message) }
    }

    /// Up to `max` messages for a worker, all of them urgent or none.
    mutating func take(_ max: Int, _ handle: KafkaHandle) -> MessageBatch? {
        let taken = next(max, at: .now)
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
        inHand[nextBatch] = partitions
        return MessageBatch(nextBatch, taken, partitions, handle)
    }

    private mutating func next(
        _ max: Int, at now: ContinuousClock.Instant
    ) -> [UnsafeMutablePointer<rd_kafka_message_t>] {
        let hasOthers = !ordinary.messages.isEmpty
        if !urgent.messages.isEmpty, !hasOthers || urgentTurns < Self.turns {
            urgentTurns = hasOthers ? urgentTurns + 1 : 0
            alertUntil = now + Self.alert
            return urgent.take(max)
        }
        urgentTurns = 0
        guard let alertUntil else { return ordinary.take(max) }
        if alertUntil < now { self.alertUntil = nil }
        return ordinary.take(Swift.max(1, max / Self.part))
    }

    mutating func finish(_ id: UInt64) { inHand[id] = nil }

    /// What batches touch that workers have.
    var partitionsInHand: Set<TopicPartition> { inHand.values.reduce(into: []) { $0.formUnion($1) } }

    func isInHand(_ partitions: Set<TopicPartition>) -> Bool {
        inHand.values.contains { !$0.isDisjoint(with: partitions) }
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
