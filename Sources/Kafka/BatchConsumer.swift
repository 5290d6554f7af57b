import CLibrdkafka
import Execution
import Logging

/// A consumer group member that hands out batches.
///
/// A thread of its own polls librdkafka all the time, so a handler may take as long as it must without exceeding
/// `max.poll.interval.ms`; fetched records wait in a bounded buffer, and when that stays full, partitions are paused.
/// Offsets are never committed or stored by themselves. Assignment is cooperative (KIP-429): a rebalance touches only
/// the partitions that move, and a revoke first waits for the batches in hand.
public final class BatchConsumer: Sendable {
    private let handle: KafkaHandle
    private let poller: ConsumerPoller
    private let buffers: ConsumerBuffers
    private let watch: GroupWatch
    private let thread: DedicatedThread

    public init(
        _ configuration: ConsumerConfiguration, listener: any RebalanceListener, logger: Logger
    ) throws(KafkaError) {
        let membership = configuration.kafka.membershipName.map { [("group.instance.id", $0)] } ?? []
        let conf = try configuration.kafka.make(
            membership + [
                ("group.id", configuration.group), ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                ("auto.offset.reset", "earliest"), ("partition.assignment.strategy", "cooperative-sticky"),
                // A member that died is noticed within seconds. The poll interval may be as short, since the poll thread
                // waits for nothing but a revoke; it is also how long a rebalance waits for a member that is gone.
                ("session.timeout.ms", "6000"), ("heartbeat.interval.ms", "1500"), ("max.poll.interval.ms", "10000"),
                // How long the broker holds an empty answer back: what an idle consumer costs. New partitions wait for it
                // too, records don't.
                ("fetch.wait.max.ms", "500"),
                // An answer has something of each partition of a backlog: where few fill it, the others come too seldom.
                ("fetch.message.max.bytes", String(PartitionShare.asked)), ("fetch.max.bytes", "2097152"),
                // A broker that ignores the limits may send far more; refusing its answer would stall for ever.
                ("receive.message.max.bytes", "1000000000"),
                ("queued.min.messages", "5000"), ("queued.max.messages.kbytes", "4096"),
                ("topic.metadata.refresh.interval.ms", "30000"),
                ("reconnect.backoff.max.ms", "1000"),
            ])
        let buffers = ConsumerBuffers()
        let poller = ConsumerPoller(configuration, listener, buffers, logger)
        poller.pacing.install(on: conf)
        let handle = try KafkaHandle(
            RD_KAFKA_CONSUMER, conf, logger: logger,
            onRebalance: { rk, code, partitions in
                poller.rebalancing.handle(rk, code, partitions)
            })
        // From here on everything, callbacks included, comes out of the consumer's queue.
        rd_kafka_poll_set_consumer(handle.raw)
        let code = poller.membership.subscribe(handle.raw)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, "subscribe") }
        poller.urgent?.open(handle.raw)
        self.handle = handle
        self.poller = poller
        self.buffers = buffers
        let watch = GroupWatch(configuration, logger)
        self.watch = watch
        watch.start(handle, of: poller)
        thread = DedicatedThread.start("kafka-consumer") { poller.run(handle, watch) }
    }

    deinit {
        watch.stop.stop()
        poller.stop.stop()
    }

    public var fatalError: KafkaError? { handle.fatalError }
    public var lastError: KafkaError? { handle.lastError }
    /// Why no broker can be reached; nil while one can.
    public var outage: KafkaError? { handle.outage }
    public var statisticsJSON: String? { handle.statistics }
    public var buffered: (messages: Int, bytes: Int) { buffers.waiting }

    /// Whether the group has said, at least once, what this member is to hold.
    public var isAssigned: Bool { poller.hasBeenAssigned }
    /// The whole group, as it was last seen; nil until then, and where the brokers don't tell.
    public var group: GroupSighting? { watch.latest }
    /// Partitions of the group's topics that lastingly belong to nobody. The group is made to share them out again.
    public var ownerless: [TopicPartition] { poller.ownerless }

    /// The next records, up to `max`: those of urgent topics, or those of the others. Nil after `timeout` without any, and
    /// when closed or hurried. Blocks the calling thread. The batch is in hand until `finish`. Throws once the consumer can't
    /// go on.
    ///
    /// Two threads may take batches, one those of urgent topics and one the others: each partition is of one kind, and has to be
    /// seen through in order.
    ///
    /// - Parameter gathering: how long the first record, where it had to be waited for, waits for others.
    public func nextBatch(
        max: Int, urgent: Bool = false, gathering: Duration = .zero, timeout: Duration
    ) throws(KafkaError) -> MessageBatch? {
        if let failure = poller.failure { throw failure }
        let take = { [buffers, handle] in
            let buffer = buffers.of(urgent: urgent)
            var timeout = timeout
            if gathering > .zero, buffer.withLock({ $0.count == 0 }) {
                let hasCome = buffer.wait(for: timeout) { $0.count > 0 || $0.isOver ? true : nil } ?? false
                if hasCome { _ = buffer.wait(for: gathering) { $0.count >= max || $0.isOver ? true : nil } }
                timeout = .zero
            }
            return buffer.wait(for: timeout) { buffer -> MessageBatch?? in
                if let batch = buffer.take(max, isUrgent: urgent, handle) { return .some(batch) }
                return buffer.isOver ? .some(nil) : nil
            }
        }
        // Urgent ones are waited for nearly always, and seldom come: fetches keep the others' pace.
        if let batch = (urgent ? take() : poller.pacing.awaiting(take)) ?? nil {
            // Room again: the poll thread may be waiting for it.
            poller.pressure.roomMade(isUrgent: urgent)
            return batch
        }
        if let fatal = handle.fatalError { throw fatal }
        return nil
    }

    /// Lets records gather that aren't urgent, for `pause` or until `count` of them wait already. Fetches that would bring few
    /// are put off until shortly before its end. Blocks the calling thread.
    ///
    /// - Parameter rest: how long to wait at least where urgent records are expected, however many of others wait: those who see
    ///   to urgent ones, here and in the database, have the machine to themselves for so long.
    public func gather(_ count: Int, for pause: Duration, restingFor rest: Duration = .zero) {
        let rest = buffers.isAlert ? rest : .zero
        if rest > .zero, buffers.others.wait(for: rest, { $0.isOver ? true : nil }) != nil { return }
        let pause = pause - rest
        guard pause > .zero else { return }
        poller.pacing.wanted(in: pause)
        _ = buffers.others.wait(for: pause) { $0.count >= count || $0.isOver ? true : nil }
    }

    /// Ends `gather` and the wait for records, now and from now on: for those who are about to stop.
    public func hurry() { buffers.update { $0.isHurried = true } }

    /// The worker is through with the batch, one way or the other.
    public func finish(_ batch: MessageBatch) { buffers.of(urgent: batch.isUrgent).update { $0.finish(batch.id) } }

    /// Tells the group's coordinator the next offsets to read. Asynchronous; an error is logged at `debug`, since the
    /// next commit brings newer ones.
    public func commit(_ next: [TopicPartition: Int64]) {
        guard !next.isEmpty else { return }
        _ = PartitionList(next).use { rd_kafka_commit(handle.raw, $0, 1) }
    }

    /// As `commit`, waiting for the coordinator's answer. Blocks.
    public func commitSync(_ next: [TopicPartition: Int64]) throws(KafkaError) {
        guard !next.isEmpty else { return }
        let code = PartitionList(next).use { rd_kafka_commit(handle.raw, $0, 0) }
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, "commit") }
    }

    /// Takes no more batches out, waits for those in hand, leaves the group. Idempotent. Blocks for at most `timeout`.
    public func close(timeout: Duration) {
        watch.stop.stop()
        poller.stop.stop()
        poller.pressure.roomMade()
        poller.pacing.wanted(in: .zero)
        thread.join(timeout: timeout)
        watch.close()
    }
}
