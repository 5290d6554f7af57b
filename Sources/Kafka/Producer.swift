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
    /// When a record is given up that the brokers haven't taken; nil: never. Where one is set, records may come twice or
    /// out of order, and one broker's word is enough: for what is worth nothing later, such as a question with a deadline.
    public var givesUpAfter: Duration?

    public init(_ kafka: KafkaConfiguration) { self.kafka = kafka }
}

/// An idempotent producer (`enable.idempotence`, `acks=all`): within a partition, records arrive once and in the order
/// of `publish`, whatever is retried.
///
/// `message.timeout.ms` is 0: a record is never given up while the producer lives, since giving one up while a later
/// one of the same key gets through would swap them. A caller that stops waiting closes the producer.
///
/// Brokers that have lost the producer's state (OUT_OF_ORDER_SEQUENCE_NUMBER, UNKNOWN_PRODUCER_ID) leave librdkafka
/// unable to go on: what is unacknowledged fails, and the next `publish` is made by a new client. A caller that publishes
/// again then starts with the first record that wasn't acknowledged, and may double what was.
///
/// It never has a topic made: a record for one that is missing fails, after `topic.metadata.propagation.max.ms`.
public final class Producer: Sendable {
    private let configuration: ProducerConfiguration
    private let logger: Logger
    private let state: Monitor<State>

    private struct State {
        var client: ProducerClient
        var closed = false
    }

    public init(_ configuration: ProducerConfiguration, logger: Logger) throws(KafkaError) {
        self.configuration = configuration
        self.logger = logger
        state = Monitor(State(client: try ProducerClient(configuration, logger)))
    }

    deinit { state.withLock { $0.client.stop.stop() } }

    /// Which cluster it publishes to.
    public var kafka: KafkaConfiguration { configuration.kafka }

    private var handle: KafkaHandle { state.withLock { $0.client.handle } }

    /// The error after which this client can't publish any more. The next `publish` makes a new one.
    public var fatalError: KafkaError? { handle.fatalError }
    public var lastError: KafkaError? { handle.lastError }
    /// Why no broker can be reached; nil while one can.
    public var outage: KafkaError? { handle.outage }
    public var statisticsJSON: String? { handle.statistics }
    /// Records in librdkafka's queue and in flight.
    public var queued: Int { Int(rd_kafka_outq_len(handle.raw)) }

    /// Learns where the partitions of `topics` are, so that their first records needn't wait for it: librdkafka looks
    /// for unknown topics once a second only. Blocks for at most `timeout`; what isn't there yet is learnt later.
    public func prepare(topics: [String], timeout: Duration) {
        let handle = handle
        let deadline = ContinuousClock.now + timeout
        for name in topics {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero, let topic = handle.topic(name) else { return }
            var metadata: UnsafePointer<rd_kafka_metadata>?
            let code = rd_kafka_metadata(
                handle.raw, 0, topic, &metadata, Int32(clamping: Int(left / .milliseconds(1))))
            if code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata { rd_kafka_metadata_destroy(metadata) }
        }
    }

    /// The client to publish with.
    private func living() throws(KafkaError) -> KafkaHandle {
        try state.withLock { state throws(KafkaError) in
            if state.closed { throw KafkaError(RD_KAFKA_RESP_ERR__DESTROY, "publish") }
            if let fatal = state.client.handle.fatalError {
                logger.warning("kafka_producer_made_anew", metadata: ["error": "\(fatal)"])
                let new = try ProducerClient(configuration, logger)
                state.client.stop.stop()
                state.client = new
            }
            return state.client.handle
        }
    }

    /// Publishes `messages` in order and waits until the brokers have acknowledged or refused each. Blocks the calling
    /// thread; waits while the queue is full.
    ///
    /// Throws when `timeout` passes first: then any of them may still be delivered, in order, as long as the producer
    /// lives. A record that is too large fails by itself, the others go on.
    ///
    /// - Parameter meanwhile: called once all of them are handed over, before the wait for answers. Time that it takes counts
    ///   towards `timeout`.
    public func publish(
        _ messages: [OutgoingMessage], timeout: Duration, until stop: StopSignal? = nil, meanwhile: () -> Void = {}
    ) throws(KafkaError) -> [Result<Delivery, KafkaError>] {
        guard !messages.isEmpty else { return [] }
        let handle = try living()
        let deadline = ContinuousClock.now + timeout
        let batch = PublishBatch(messages.count)
        for index in messages.indices {
            try enqueue(messages[index], batch, index, on: handle, deadline: deadline, until: stop)
        }
        meanwhile()
        while true {
            let left = min(ContinuousClock.now.duration(to: deadline), .milliseconds(200))
            if let results = batch.wait(for: max(.zero, left)) { return results }
            if let fatal = handle.fatalError { throw fatal }
            if left <= .zero || stop?.isStopped == true {
                throw KafkaError(
                    RD_KAFKA_RESP_ERR__TIMED_OUT, "\(batch.outstanding) of \(messages.count) records unacknowledged")
            }
        }
    }

    /// Hands `messages` over in order and waits for nothing: where the queue is full, those that find no room are refused.
    /// From any thread.
    ///
    /// - Parameter then: told what became of each, on the thread that serves reports or on the caller's. Must not block.
    public func post(
        _ messages: [OutgoingMessage], then: @escaping @Sendable ([Result<Delivery, KafkaError>]) -> Void
    ) throws(KafkaError) {
        guard !messages.isEmpty else { return }
        let handle = try living()
        let batch = PublishBatch(messages.count, then: then)
        for index in messages.indices {
            let code = batch.withSlot(index) { slot in Self.produce(handle.raw, messages[index], slot) }
            if code != RD_KAFKA_RESP_ERR_NO_ERROR { batch.refused(index, KafkaError(code, messages[index].label)) }
        }
    }

    /// As the blocking one, for async callers.
    public func publish(
        _ messages: [OutgoingMessage], timeout: Duration
    ) async throws -> [Result<Delivery, KafkaError>] {
        try await DedicatedThread.run("kafka-publish") { try self.publish(messages, timeout: timeout, until: nil) }
    }

    /// Never stopped: what a publisher sleeps on while the queue is full.
    private static let room = StopSignal()

    private func enqueue(
        _ message: OutgoingMessage, _ batch: PublishBatch, _ index: Int, on handle: KafkaHandle,
        deadline: ContinuousClock.Instant, until stop: StopSignal?
    ) throws(KafkaError) {
        while true {
            let code = batch.withSlot(index) { slot in Self.produce(handle.raw, message, slot) }
            switch code {
            case RD_KAFKA_RESP_ERR_NO_ERROR: return
            case RD_KAFKA_RESP_ERR__QUEUE_FULL:
                // Back-pressure: the poll thread makes room as reports come in.
                if ContinuousClock.now >= deadline || stop?.isStopped == true { throw KafkaError(code) }
                Self.room.wait(for: .milliseconds(2))
            case RD_KAFKA_RESP_ERR__FATAL: throw handle.fatalError ?? KafkaError(code, isFatal: true)
            default:
                batch.refused(index, KafkaError(code, message.label))
                return
            }
        }
    }

    private static func produce(
        _ raw: OpaquePointer, _ message: OutgoingMessage, _ slot: UnsafeMutableRawPointer
    ) -> rd_kafka_resp_err_t {
        let headers = message.headers.isEmpty ? nil : rd_kafka_headers_new(message.headers.count)
        message.headers.forEach { name, value in
            _ = rd_kafka_header_add(
                headers, name.baseAddress?.assumingMemoryBound(to: CChar.self), name.count, value.baseAddress,
                value.count)
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
        let client = state.withLock { state -> ProducerClient? in
            defer { state.closed = true }
            return state.closed ? nil : state.client
        }
        client?.close(timeout: timeout)
    }
}
