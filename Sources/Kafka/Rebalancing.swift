import CLibrdkafka
import Execution
import Logging

/// How partitions come and go. All of it runs on the poll thread, most of it inside librdkafka's callback.
struct Rebalancing: Sendable {
    private let configuration: ConsumerConfiguration
    private let listener: any RebalanceListener
    private let buffers: ConsumerBuffers
    private let held: Monitor<HeldPartitions>
    private let urgent: UrgentQueue?
    private let pacing: FetchPacing
    private let stop: StopSignal
    private let logger: Logger

    /// For asking brokers what the partitions of one assignment hold, and for asking one of them.
    private static let placing: (all: Duration, each: Duration) = (.seconds(2), .milliseconds(500))
    /// On the dev broker, between learning what to give up and giving it up, which begins the next rebalance at once
    /// (KIP-429): members whose answer is still on its way have it by then, and it would forget them otherwise.
    private static let handover: Duration = .milliseconds(250)

    init(
        _ configuration: ConsumerConfiguration, _ listener: any RebalanceListener, _ buffers: ConsumerBuffers,
        _ held: Monitor<HeldPartitions>, _ urgent: UrgentQueue?, _ pacing: FetchPacing, _ stop: StopSignal,
        _ logger: Logger
    ) {
        self.configuration = configuration
        self.listener = listener
        self.buffers = buffers
        self.held = held
        self.urgent = urgent
        self.pacing = pacing
        self.stop = stop
        self.logger = logger
    }

    /// How long a member waits before it gives partitions up in a cooperative move; nil where it needn't.
    static func handover(_ configuration: KafkaConfiguration) -> Duration? {
        configuration.isDevBroker ? handover : nil
    }

    /// librdkafka's callback, on this thread.
    func handle(
        _ raw: OpaquePointer, _ code: rd_kafka_resp_err_t,
        _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>
    ) {
        let partitions = PartitionList.partitions(list)
        let cooperative = rd_kafka_rebalance_protocol(raw).map { String(cString: $0) } == "COOPERATIVE"
        switch code {
        case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
            assign(raw, partitions, list, cooperative)
        case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
            revoke(raw, partitions, lost: rd_kafka_assignment_lost(raw) != 0)
            if cooperative, let pause = Self.handover(configuration.kafka) { StopSignal().wait(for: pause) }
            unassign(raw, list, cooperative)
        default:
            logger.warning("rebalance_failed", metadata: ["error": "\(KafkaError(code))"])
            revoke(raw, partitions, lost: true)
            rd_kafka_assign(raw, nil)
        }
    }

    private func assign(
        _ raw: OpaquePointer, _ partitions: [TopicPartition],
        _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>, _ cooperative: Bool
    ) {
        // A member that is stopping gives them back at once.
        let starts = stop.isStopped ? [:] : place(raw, partitions)
        for index in 0..<partitions.count {
            if let start = starts[partitions[index]] { list.pointee.elems[index].offset = start }
        }
        let waiting = Set(partitions.filter { starts[$0] == nil })
        let isPausedByBuffer = held.withLock { held -> Bool in
            held.assign(partitions, from: starts)
            pacing.partitions.store(held.all.count, ordering: .relaxed)
            return held.isPaused
        }
        urgent?.lead(partitions, raw)
        if cooperative {
            report(rd_kafka_incremental_assign(raw, list), "assign")
        } else {
            rd_kafka_assign(raw, list)
        }
        let paused = isPausedByBuffer ? waiting.union(partitions.filter { !configuration.isUrgent($0) }) : waiting
        if !paused.isEmpty { _ = PartitionList(paused).use { rd_kafka_pause_partitions(raw, $0) } }
    }

    /// Where partitions start, by the listener and by what they hold. Missing are those that can't be told for now.
    private func place(_ raw: OpaquePointer, _ partitions: [TopicPartition]) -> [TopicPartition: Int64] {
        do {
            var starts = try listener.partitionsAssigned(partitions)
            for partition in partitions where starts[partition] == nil {
                starts[partition] = Int64(RD_KAFKA_OFFSET_STORED)
            }
            var outside: [TopicPartition: StartOutside] = [:]
            let deadline = ContinuousClock.now + Self.placing.all
            // In no order: one that nobody leads must not keep the same ones waiting each time.
            for (partition, start) in starts.shuffled() where start > 0 {
                guard let marks = watermarks(raw, partition, until: deadline) else {
                    starts[partition] = nil
                    continue
                }
                if start < marks.low || start > marks.high {
                    outside[partition] = StartOutside(start: start, marks: marks)
                }
            }
            if !outside.isEmpty { starts.merge(try listener.startsOutside(outside)) { $1 } }
            return starts
        } catch {
            logger.warning("start_offsets_unknown", metadata: ["error": "\(error)"])
            return [:]
        }
    }

    private func watermarks(
        _ raw: OpaquePointer, _ partition: TopicPartition, until deadline: ContinuousClock.Instant
    ) -> Watermarks? {
        let limit = min(Self.placing.each, ContinuousClock.now.duration(to: deadline))
        guard limit > .zero else { return nil }
        var marks = Watermarks(low: 0, high: 0)
        let code = rd_kafka_query_watermark_offsets(
            raw, partition.topic, partition.partition, &marks.low, &marks.high, Int32(limit / .milliseconds(1)))
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            logger.info(
                "start_unknown", metadata: ["partition": "\(partition)", "error": "\(KafkaError(code))"])
            return nil
        }
        return marks
    }

    /// Asks the listener again for partitions that wait for their start.
    func startWaiting(_ raw: OpaquePointer) {
        let starts = place(raw, held.withLock { $0.waiting.sorted() })
        guard !starts.isEmpty else { return }
        do {
            try Self.seek(raw, starts, timeout: .seconds(2))
            let resumable = held.withLock { held in
                held.start(starts)
                return held.isPaused ? starts.keys.filter(configuration.isUrgent) : Array(starts.keys)
            }
            if !resumable.isEmpty { _ = PartitionList(resumable).use { rd_kafka_resume_partitions(raw, $0) } }
        } catch {
            logger.warning("start_offsets_unknown", metadata: ["error": "\(error)"])
        }
    }

    static func seek(
        _ raw: OpaquePointer, _ offsets: [TopicPartition: Int64], timeout: Duration
    ) throws(KafkaError) {
        let milliseconds = Int32(clamping: Int(timeout / .milliseconds(1)))
        let failure = PartitionList(offsets).use { list -> KafkaError? in
            if let error = rd_kafka_seek_partitions(raw, list, milliseconds) {
                defer { rd_kafka_error_destroy(error) }
                return KafkaError(rd_kafka_error_code(error), "seek")
            }
            return PartitionList.firstError(list)
        }
        if let failure { throw failure }
    }

    private func revoke(_ raw: OpaquePointer, _ partitions: [TopicPartition], lost: Bool) {
        let going = Set(partitions)
        let paused = held.withLock { held -> Set<TopicPartition> in
            let paused = held.revoke(going)
            pacing.partitions.store(held.all.count, ordering: .relaxed)
            return paused
        }
        // A pause outlives the assignment: the partition would still be paused when it comes back.
        _ = PartitionList(paused).use { rd_kafka_resume_partitions(raw, $0) }
        buffers.update { $0.drop(going) }
        if !buffers.wait(for: configuration.revokeTimeout, untilThrough: going) {
            logger.warning(
                "batch_outlived_revoke",
                metadata: ["partitions": "\(partitions.map(\.description).joined(separator: " "))"])
        }
        listener.partitionsRevoked(partitions, lost: lost)
    }

    private func unassign(
        _ raw: OpaquePointer, _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>, _ cooperative: Bool
    ) {
        if cooperative {
            report(rd_kafka_incremental_unassign(raw, list), "unassign")
        } else {
            rd_kafka_assign(raw, nil)
        }
    }

    private func report(_ error: OpaquePointer?, _ what: String) {
        guard let error else { return }
        defer { rd_kafka_error_destroy(error) }
        logger.warning("rebalance_failed", metadata: ["error": "\(KafkaError(rd_kafka_error_code(error), what))"])
    }
}
