import CLibrdkafka
import Execution
import Logging

/// How a producer trades latency for size.
public struct ProducerConfiguration: Sendable {
    public var kafka: KafkaConfiguration
    /// How long librdkafka gathers records before it sends a batch.
    public var linger: Duration = .milliseconds(1)
    /// Records and bytes that may wait in librdkafka; `publish` waits when it is full.
    public var queueMessages = 100_000
    public var queueKilobytes = 64 << 10

    public init(_ kafka: KafkaConfiguration) { self.kafka = kafka }
}

/// An idempotent producer (`enable.idempotence`, `acks=all`): within a partition, records arrive once and in the order
/// of `publish`, whatever is retried.
///
/// `message.timeout.ms` is 0: a record is never given up while the producer lives, since giving one up while a later
/// one of the same key gets through would swap them. Whoever stops waiting closes the producer.
public final class Producer: Sendable {
    private let handle: KafkaHandle
    private let state = Monitor(State())
    private let stop = StopSignal()

    private struct State {
        var closed = false
        var pollThread: DedicatedThread?
    }

    public init(_ configuration: ProducerConfiguration, logger: Logger) throws(KafkaError) {
        let conf = try configuration.kafka.make([
            ("enable.idempotence", "true"), ("acks", "all"), ("message.timeout.ms", "0"),
            ("linger.ms", String(Int(configuration.linger / .milliseconds(1)))),
            ("queue.buffering.max.messages", String(configuration.queueMessages)),
            ("queue.buffering.max.kbytes", String(configuration.queueKilobytes)),
            ("batch.num.messages", "10000"), ("partitioner", "murmur2_random"),
            ("sticky.partitioning.linger.ms", "0"),
            // Back-off after a lost broker: come back soon.
            ("reconnect.backoff.max.ms", "1000"),
        ])
        rd_kafka_conf_set_dr_msg_cb(conf) { _, message, _ in
            guard let message else { return }
            PublishBatch.delivered(message)
        }
        let handle = try KafkaHandle(RD_KAFKA_PRODUCER, conf, logger: logger)
        self.handle = handle
        let stop = stop
        state.withLock {
            $0.pollThread = DedicatedThread.start("kafka-producer") {
                while !stop.isStopped { rd_kafka_poll(handle.raw, 100) }
                rd_kafka_poll(handle.raw, 0)
            }
        }
    }

    deinit { stop.stop() }

    /// The error after which nothing can be published any more.
    public var fatalError: KafkaError? { handle.fatalError }
    public var lastError: KafkaError? { handle.lastError }
    /// Why no broker can be reached; nil while one can.
    public var outage: KafkaError? { handle.outage }
    public var statisticsJSON: String? { handle.statistics }
    /// Records in librdkafka's queue and in flight.
    public var queued: Int { Int(rd_kafka_outq_len(handle.raw)) }

    /// Publishes `messages` in order and waits until the brokers have acknowledged or refused each. Blocks the calling
    /// thread; waits while the queue is full.
    ///
    /// Throws when `timeout` passes first: then any of them may still be delivered, in order, as long as the producer
    /// lives. A record that is too large fails by itself, the others go on.
    public func publish(
        _ messages: [OutgoingMessage], timeout: Duration, until stop: StopSignal? = nil
    ) throws(KafkaError) -> [Result<Delivery, KafkaError>] {
        guard !messages.isEmpty else { return [] }
        if let fatal = handle.fatalError { throw fatal }
        let deadline = ContinuousClock.now + timeout
        let batch = PublishBatch(messages.count)
        for (index, message) in messages.enumerated() {
            try enqueue(message, batch, index, deadline: deadline, until: stop)
        }
        while true {
            let left = min(ContinuousClock.now.duration(to: deadline), .milliseconds(200))
            if left > .zero, let results = batch.wait(for: left) { return results }
            if let fatal = handle.fatalError { throw fatal }
            if left <= .zero || stop?.isStopped == true {
                throw KafkaError(
                    RD_KAFKA_RESP_ERR__TIMED_OUT, "\(batch.outstanding) of \(messages.count) records unacknowledged")
            }
        }
    }

    /// As the blocking one, for async callers.
    public func publish(
        _ messages: [OutgoingMessage], timeout: Duration
    ) async throws -> [Result<Delivery, KafkaError>] {
        try await DedicatedThread.run("kafka-publish") { try self.publish(messages, timeout: timeout, until: nil) }
    }

    private func enqueue(
        _ message: OutgoingMessage, _ batch: PublishBatch, _ index: Int, deadline: ContinuousClock.Instant,
        until stop: StopSignal?
    ) throws(KafkaError) {
        while true {
            let code = batch.withSlot(index) { slot in Self.produce(handle.raw, message, slot) }
            switch code {
            case RD_KAFKA_RESP_ERR_NO_ERROR: return
            case RD_KAFKA_RESP_ERR__QUEUE_FULL:
                // Back-pressure: the poll thread makes room as reports come in.
                if ContinuousClock.now >= deadline || stop?.isStopped == true { throw KafkaError(code) }
                self.stop.wait(for: .milliseconds(2))
            case RD_KAFKA_RESP_ERR__FATAL: throw handle.fatalError ?? KafkaError(code, isFatal: true)
            default:
                batch.refused(index, KafkaError(code))
                return
            }
        }
    }

    private static func produce(
        _ raw: OpaquePointer, _ message: OutgoingMessage, _ slot: UnsafeMutableRawPointer
    ) -> rd_kafka_resp_err_t {
        let headers = message.headers.isEmpty ? nil : rd_kafka_headers_new(message.headers.count)
        for header in message.headers {
            header.value.withUnsafeBytes { value in
                // A null value is another thing than an empty one.
                _ = rd_kafka_header_add(
                    headers, header.name, -1, value.baseAddress ?? UnsafeRawPointer(slot), value.count)
            }
        }
        let code = withBytes(message.key) { key in
            withBytes(message.value) { value in
                orderflow_kafka_produce(
                    raw, message.topic, message.partition ?? RD_KAFKA_PARTITION_UA, key.baseAddress, key.count,
                    value.baseAddress, value.count, headers, message.timestamp ?? 0, slot)
            }
        }
        if code != RD_KAFKA_RESP_ERR_NO_ERROR, let headers { rd_kafka_headers_destroy(headers) }
        return code
    }

    private static func withBytes<Result>(_ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        guard let bytes else { return body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        return bytes.withUnsafeBytes { buffer in
            // Empty, but there: librdkafka tells null from empty by the address.
            buffer.baseAddress == nil
                ? withUnsafeBytes(of: UInt8(0)) { body(UnsafeRawBufferPointer(rebasing: $0[0..<0])) } : body(buffer)
        }
    }

    /// Sends what is queued. False when something was still unacknowledged after `timeout`.
    @discardableResult
    public func flush(timeout: Duration) -> Bool {
        rd_kafka_flush(handle.raw, Int32(clamping: Int(timeout / .milliseconds(1)))) == RD_KAFKA_RESP_ERR_NO_ERROR
    }

    /// Flushes for at most `timeout`, drops what is left, stops the poll thread. Idempotent.
    public func close(timeout: Duration) {
        let thread = state.withLock { state -> DedicatedThread? in
            defer { state.closed = true }
            return state.closed ? nil : state.pollThread
        }
        guard let thread else { return }
        if !flush(timeout: timeout) {
            rd_kafka_purge(handle.raw, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
            _ = flush(timeout: .seconds(1))
        }
        stop.stop()
        thread.join(timeout: .seconds(5))
    }
}
