import CLibrdkafka
import DequeModule

/// What lies between the poll thread and a worker.
///
/// `@unchecked Sendable`: lives inside a `Monitor`; the messages it points to are touched by nobody else.
struct ConsumerBuffer: @unchecked Sendable {
    /// Fetched and not handed out.
    private var messages: Deque<UnsafeMutablePointer<rd_kafka_message_t>> = []
    private(set) var bytes = 0
    /// Of the batches that the worker has.
    private var inHand: [UInt64: Set<TopicPartition>] = [:]
    private var nextBatch: UInt64 = 0
    var closed = false
    /// Nobody waits for records any more.
    var isHurried = false

    var count: Int { messages.count }
    /// Nobody waits for records any more, or for more of them.
    var isOver: Bool { closed || isHurried }

    mutating func append(_ message: UnsafeMutablePointer<rd_kafka_message_t>) {
        messages.append(message)
        bytes += Self.size(message)
    }

    /// Up to `max` messages for a worker.
    mutating func take(_ max: Int, isUrgent: Bool, _ handle: KafkaHandle) -> MessageBatch? {
        guard !messages.isEmpty else { return nil }
        let taken = Array(messages.prefix(max))
        messages.removeFirst(taken.count)
        var partitions: Set<TopicPartition> = []
        var last: (topic: OpaquePointer?, partition: Int32)?
        for message in taken {
            bytes -= Self.size(message)
            // Messages come in runs of a partition: naming each run is enough.
            if let last, last.topic == message.pointee.rkt, last.partition == message.pointee.partition { continue }
            last = (message.pointee.rkt, message.pointee.partition)
            partitions.insert(Self.partition(message))
        }
        nextBatch += 1
        inHand[nextBatch] = partitions
        return MessageBatch(nextBatch, taken, partitions, isUrgent: isUrgent, handle)
    }

    mutating func finish(_ id: UInt64) { inHand[id] = nil }

    func isInHand(_ partitions: Set<TopicPartition>) -> Bool {
        inHand.values.contains { !$0.isDisjoint(with: partitions) }
    }

    /// Drops what waits of `partitions` (nil: everything).
    mutating func drop(_ partitions: Set<TopicPartition>?) {
        let all = messages
        messages = []
        bytes = 0
        for message in all {
            if let partitions, !partitions.contains(Self.partition(message)) {
                append(message)
            } else {
                rd_kafka_message_destroy(message)
            }
        }
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
