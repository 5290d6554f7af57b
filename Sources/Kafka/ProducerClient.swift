import CLibrdkafka
import Execution
import Logging

/// One librdkafka producer and the thread that serves its delivery reports.
final class ProducerClient: Sendable {
    let handle: KafkaHandle
    /// Ends the thread, and with it what wasn't delivered.
    let stop = StopSignal()
    private let thread: DedicatedThread

    init(_ configuration: ProducerConfiguration, _ logger: Logger) throws(KafkaError) {
        let promises =
            configuration.givesUpAfter.map { limit in
                [
                    ("enable.idempotence", "false"), ("acks", "1"),
                    ("message.timeout.ms", String(max(1, Int(limit / .milliseconds(1))))),
                ]
            } ?? [("enable.idempotence", "true"), ("acks", "all"), ("message.timeout.ms", "0")]
        let conf = try configuration.kafka.make(
            promises + [
                ("linger.ms", String(Int(configuration.linger / .milliseconds(1)))),
                ("queue.buffering.max.messages", String(configuration.queueMessages)),
                ("queue.buffering.max.kbytes", String(configuration.queueKilobytes)),
                ("batch.num.messages", "10000"), ("batch.size", String(PartitionShare.produced)),
                ("partitioner", "murmur2_random"),
                ("sticky.partitioning.linger.ms", "0"),
                // How long a topic may be unknown, as right after it was made, before its records fail.
                ("topic.metadata.propagation.max.ms", "5000"),
                // Back-off after a lost broker: come back soon.
                ("reconnect.backoff.max.ms", "1000"),
            ])
        rd_kafka_conf_set_dr_msg_cb(conf) { _, message, _ in
            guard let message else { return }
            PublishBatch.delivered(message)
        }
        let handle = try KafkaHandle(RD_KAFKA_PRODUCER, conf, logger: logger)
        self.handle = handle
        thread = DedicatedThread.start("kafka-producer") { [stop] in
            stop.onStop { handle.endPoll() }
            while !stop.isStopped { rd_kafka_poll(handle.raw, 1_000) }
            // Whatever wasn't delivered gets its report, which is what frees it.
            rd_kafka_purge(handle.raw, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
            rd_kafka_flush(handle.raw, 1_000)
        }
    }

    deinit { stop.stop() }

    /// Flushes for at most `timeout`, drops what is left.
    func close(timeout: Duration) {
        rd_kafka_flush(handle.raw, Int32(clamping: Int(timeout / .milliseconds(1))))
        stop.stop()
        thread.join(timeout: .seconds(5))
    }
}
