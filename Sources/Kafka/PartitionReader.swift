import CLibrdkafka
import Execution
import Logging

/// Reads partitions from one offset up to another, without a group and without leaving a trace: for replays.
///
/// What lies in memory is bounded by librdkafka's own prefetch limits; a broker that ignores the size limits of a fetch
/// overshoots them by one answer. Not `Sendable`: used by one thread at a time.
public final class PartitionReader {
    private let handle: KafkaHandle
    /// One queue for all partitions, or one for each.
    private let common: OpaquePointer?
    private let apart: [TopicPartition: OpaquePointer]
    /// Of the partitions that aren't at their end: the first offset that isn't wanted.
    private var ends: [TopicPartition: Int64]
    /// Of each partition that was once read to what it held then: the offset after that.
    public private(set) var reachedEnds: [TopicPartition: Int64] = [:]
    private var messages: [UnsafeMutablePointer<rd_kafka_message_t>?] = []
    private let memory: Int?
    private let pacing: FetchPacing

    /// - Parameter ranges: the offsets to read; one with the upper bound `Int64.max` never ends. A lower bound of a
    ///   record that is gone is an error.
    /// - Parameter apart: whether partitions are read one by one, by `nextBatch(of:)`, as a merge does.
    /// - Parameter memory: bytes that are read ahead, and one answer more; nil leaves it to librdkafka's limit, which doesn't
    ///   count what a record takes besides its bytes. For a reader that takes what there is without a pause, of one partition
    ///   after the other where they are apart.
    /// - Parameter patience: how long a broker may hold an answer without records back: what an idle reader costs.
    public init(
        _ configuration: KafkaConfiguration, _ ranges: [TopicPartition: Range<Int64>], apart: Bool = false,
        memory: Int? = nil, patience: Duration = .milliseconds(100), logger: Logger
    ) throws(KafkaError) {
        ends = ranges.filter { !$0.value.isEmpty }.mapValues(\.upperBound)
        // Queues of their own have the limit each.
        let kilobytes = apart ? max(1_024, 65_536 / max(ends.count, 1)) : 65_536
        let answer = ((memory ?? .max) / max(ends.count, 1) / 2).clamped(to: 65_536...4_194_304)
        let conf = try configuration.make([
            // Assigning needs a name, but nobody joins or commits under it.
            ("group.id", "orderflow-reader"), ("enable.auto.commit", "false"), ("enable.auto.offset.store", "false"),
            // What retention has taken is missing, and the caller should know.
            ("auto.offset.reset", "error"), ("enable.partition.eof", "true"),
            ("queued.min.messages", "50000"), ("queued.max.messages.kbytes", String(kilobytes)),
            ("fetch.message.max.bytes", String(answer)),
            ("fetch.wait.max.ms", String(Int(patience / .milliseconds(1)))),
            ("receive.message.max.bytes", "1000000000"), ("reconnect.backoff.max.ms", "1000"),
        ])
        self.memory = memory
        pacing = FetchPacing(isAwaited: true, room: memory, isDevBroker: configuration.isDevBroker)
        pacing.partitions.store(ends.count, ordering: .relaxed)
        handle = try KafkaHandle(RD_KAFKA_CONSUMER, conf, logger: logger, pacing: pacing)
        rd_kafka_poll_set_consumer(handle.raw)
        var queues: [TopicPartition: OpaquePointer] = [:]
        if apart {
            for partition in ends.keys {
                queues[partition] = rd_kafka_queue_get_partition(handle.raw, partition.topic, partition.partition)
                // Out of the consumer's queue, into which assignment would lead it.
                if let queue = queues[partition] { rd_kafka_queue_forward(queue, nil) }
            }
        }
        self.apart = queues
        common = rd_kafka_queue_get_consumer(handle.raw)
        let starts = ranges.filter { !$0.value.isEmpty }.mapValues(\.lowerBound)
        let code = PartitionList(starts).use { rd_kafka_assign(handle.raw, $0) }
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, "assign") }
    }

    deinit {
        // Its thread may be waiting for room, and is waited for.
        pacing.hasRoom(.max)
        // Before the client that they point into.
        for queue in apart.values { rd_kafka_queue_destroy(queue) }
        if let common { rd_kafka_queue_destroy(common) }
    }

    /// All partitions are read to their end.
    public var isFinished: Bool { ends.isEmpty }
    /// Those that aren't at their end.
    public var unfinished: some Collection<TopicPartition> { ends.keys }
    /// What librdkafka deals with by itself at the moment, such as a lost broker.
    public var lastError: KafkaError? { handle.obstacle ?? handle.lastError }

    /// The next records of any partition, up to `max`, each partition in order; nil when none came within `timeout`
    /// and when finished. Throws what doesn't pass by itself.
    public func nextBatch(max: Int, timeout: Duration) throws(KafkaError) -> MessageBatch? {
        guard let common, !isFinished else { return nil }
        return try take(max, timeout, from: common)
    }

    /// As `nextBatch`, of one partition of a reader that reads them apart.
    public func nextBatch(of partition: TopicPartition, max: Int, timeout: Duration) throws(KafkaError) -> MessageBatch?
    {
        guard let queue = apart[partition], ends[partition] != nil else { return nil }
        // Errors of no partition in particular come here.
        if let common { _ = try take(1, .zero, from: common) }
        return try take(max, timeout, from: queue)
    }

    private func take(_ max: Int, _ timeout: Duration, from queue: OpaquePointer) throws(KafkaError) -> MessageBatch? {
        if messages.count < max { messages = Array(repeating: nil, count: max) }
        var count = Swift.max(0, rd_kafka_consume_batch_queue(queue, 0, &messages, max))
        // With a timeout it waits for the last of `max`, not for the first: that one is waited for alone.
        if count == 0, timeout > .zero,
            let first = rd_kafka_consume_queue(queue, Int32(clamping: Int(timeout / .milliseconds(1))))
        {
            count = messages.withUnsafeMutableBufferPointer { buffer in
                let more = rd_kafka_consume_batch_queue(queue, 0, buffer.baseAddress.map { $0 + 1 }, max - 1)
                buffer[0] = first
                return 1 + Swift.max(0, more)
            }
        }
        var wanted: [UnsafeMutablePointer<rd_kafka_message_t>] = []
        wanted.reserveCapacity(count)
        var failure: KafkaError?
        var run = Run()
        for case let message? in messages[0..<count] {
            if message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR, isWanted(message, &run) {
                wanted.append(message)
                continue
            }
            if message.pointee.err != RD_KAFKA_RESP_ERR_NO_ERROR { failure = failure ?? meet(message) }
            rd_kafka_message_destroy(message)
        }
        if let failure {
            for message in wanted { rd_kafka_message_destroy(message) }
            throw failure
        }
        tellRoom(beside: wanted)
        return wanted.isEmpty ? nil : MessageBatch(0, wanted, [], handle)
    }

    /// A partition's records count for no more than its share of the memory: those of one that isn't wanted at the moment
    /// stay, and mustn't keep the others' from coming. How many they are is then left to librdkafka's limit.
    ///
    /// - Parameter taken: records of the size that those that are left have, near enough.
    private func tellRoom(beside taken: [UnsafeMutablePointer<rd_kafka_message_t>]) {
        guard let memory, let common else { return }
        let size = taken.reduce(0) { $0 + $1.pointee.len + $1.pointee.key_len } / max(taken.count, 1)
        let share = memory / max(apart.count, 1) + 1
        let queues = apart.isEmpty ? [common] : Array(apart.values)
        let left = queues.reduce(0) { $0 + min(rd_kafka_queue_length($1) * (size + Self.overhead), share) }
        pacing.hasRoom(memory - left)
    }

    /// Of a record in memory, its headers among it.
    private static let overhead = 512

    /// Records come in runs of a partition: looking each run up is enough.
    private struct Run {
        var topic: OpaquePointer?
        var partition: Int32 = -1
        var end: Int64 = 0
    }

    private func isWanted(_ message: UnsafeMutablePointer<rd_kafka_message_t>, _ run: inout Run) -> Bool {
        if run.topic != message.pointee.rkt || run.partition != message.pointee.partition {
            run = Run(
                topic: message.pointee.rkt, partition: message.pointee.partition,
                end: ends[ConsumerBuffer.partition(message)] ?? 0)
        }
        if message.pointee.offset >= run.end - 1 {
            finish(ConsumerBuffer.partition(message))
            defer { run.end = 0 }
            return message.pointee.offset < run.end
        }
        return true
    }

    /// An event that isn't a record. Returns the error that doesn't pass.
    private func meet(_ message: UnsafeMutablePointer<rd_kafka_message_t>) -> KafkaError? {
        let code = message.pointee.err
        if code == RD_KAFKA_RESP_ERR__PARTITION_EOF {
            // The last offset below the end may be no record: a transaction's marker, or one compacted away.
            let partition = ConsumerBuffer.partition(message)
            reachedEnds[partition] = message.pointee.offset
            if let end = ends[partition], message.pointee.offset >= end { finish(partition) }
            return nil
        }
        let error = KafkaError(code, rd_kafka_message_errstr(message).map { String(cString: $0) } ?? "")
        let gone = code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
        return gone || !error.isRetriable ? error : nil
    }

    private func finish(_ partition: TopicPartition) {
        guard ends.removeValue(forKey: partition) != nil, !ends.isEmpty else { return }
        // Nothing more is wanted of it.
        _ = PartitionList([partition]).use { rd_kafka_pause_partitions(handle.raw, $0) }
    }
}
