import CLibrdkafka
import Execution
import Logging

/// The consumer's own thread: fetches into the buffer, serves librdkafka's callbacks, moves partitions in and out.
final class ConsumerPoller: Sendable {
    let stop = StopSignal()
    let pacing = FetchPacing()
    private let configuration: ConsumerConfiguration
    private let listener: any RebalanceListener
    private let buffer: Monitor<ConsumerBuffer>
    private let logger: Logger
    private let assignment = Monitor(Assignment())
    private let room = Monitor(false)
    /// Why this member can't go on and a new one has to be made.
    let failure = Monitor<KafkaError?>(nil)

    private struct Assignment {
        var all: Set<TopicPartition> = []
        /// Paused until the listener has said where they start.
        var waiting: Set<TopicPartition> = []
        /// Paused because the buffer stays full.
        var paused = false
        /// Times that partitions came or went.
        var rebalances = 0
        /// Taken away during the fetch that is going on.
        var revoked: Set<TopicPartition> = []
        var positions = FetchPositions()
    }

    /// How long a full buffer may hold up polling before partitions are paused: pausing throws prefetched records
    /// away, so a worker that is merely busy must not cause it.
    private static let patience: Duration = .seconds(1)
    private static let listenerRetry: Duration = .milliseconds(500)
    /// For asking brokers what the partitions of one assignment hold, and for asking one of them.
    private static let placing: (all: Duration, each: Duration) = (.seconds(2), .milliseconds(500))
    /// Between learning what to give up and giving it up, which begins the next rebalance at once (KIP-429): members
    /// whose answer is still on its way have it by then. The dev broker forgets them otherwise.
    private static let handover: Duration = .milliseconds(250)

    init(
        _ configuration: ConsumerConfiguration, _ listener: any RebalanceListener, _ buffer: Monitor<ConsumerBuffer>,
        _ logger: Logger
    ) {
        self.configuration = configuration
        self.listener = listener
        self.buffer = buffer
        self.logger = logger
    }

    func roomMade() { room.update { $0 = true } }

    func run(_ handle: KafkaHandle) {
        var nextTry = ContinuousClock.now
        let check = MembershipCheck(
            handle.raw, group: configuration.group, instanceID: configuration.kafka.instanceID)
        while !stop.isStopped {
            let (held, rebalances) = assignment.withLock { ($0.all, $0.rebalances) }
            if let check, check.isDisowned(of: held, rebalances: rebalances) {
                logger.warning(
                    "coordinator_disagrees",
                    metadata: ["partitions": "\(held.sorted().map(\.description).joined(separator: " "))"])
                leave(handle.raw)
                subscribe(handle.raw)
            }
            if assignment.withLock({ !$0.waiting.isEmpty }), nextTry <= .now {
                placeWaiting(handle.raw)
                nextTry = .now + Self.listenerRetry
            }
            if isFull {
                holdBack(handle.raw)
            } else {
                resumeIfPaused(handle.raw)
            }
            fetch(handle.raw)
        }
        buffer.update { $0.closed = true }
        leave(handle.raw)
        // Closing calls `rebalance` for what we still have, on this thread.
        let code = rd_kafka_consumer_close(handle.raw)
        if code != RD_KAFKA_RESP_ERR_NO_ERROR {
            logger.warning("leaving the group failed", metadata: ["error": "\(KafkaError(code))"])
        }
        buffer.update { $0.drop(nil) }
    }

    @discardableResult
    func subscribe(_ raw: OpaquePointer) -> rd_kafka_resp_err_t {
        let topics = PartitionList(
            configuration.topics.map { TopicPartition(topic: $0, partition: RD_KAFKA_PARTITION_UA) })
        return topics.use { rd_kafka_subscribe(raw, $0) }
    }

    /// A static member that merely closes keeps its place for the session timeout, and its partitions lie idle. Who is
    /// told to stop isn't expected back so soon, and says so: librdkafka lets a static member leave by unsubscribing.
    private func leave(_ raw: OpaquePointer) {
        guard configuration.kafka.instanceID != nil, rd_kafka_unsubscribe(raw) == RD_KAFKA_RESP_ERR_NO_ERROR else {
            return
        }
        let deadline = ContinuousClock.now + configuration.revokeTimeout + .seconds(1)
        while isMember(raw), .now < deadline {
            if let message = rd_kafka_consumer_poll(raw, 20) { rd_kafka_message_destroy(message) }
        }
    }

    /// librdkafka forgets the member's id once it has asked to leave.
    private func isMember(_ raw: OpaquePointer) -> Bool {
        guard let id = rd_kafka_memberid(raw) else { return false }
        defer { rd_kafka_mem_free(raw, id) }
        return id.pointee != 0
    }

    // MARK: Fetching

    /// Waits for one record, then takes what lies ready, and hands all to the workers at once.
    private func fetch(_ raw: OpaquePointer) {
        var fetched: [UnsafeMutablePointer<rd_kafka_message_t>] = []
        var timeout: Int32 = 100
        while fetched.count < 1_000, let message = rd_kafka_consumer_poll(raw, timeout) {
            timeout = 0
            // The poll may have served a rebalance: what was fetched before of a partition that went, and may even be
            // back, must not follow.
            dropRevoked(&fetched)
            guard message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
                report(message)
                rd_kafka_message_destroy(message)
                continue
            }
            fetched.append(message)
        }
        dropRevoked(&fetched)
        guard !fetched.isEmpty else { return }
        let (wanted, known) = assignment.withLock { ($0.all.subtracting($0.waiting), $0.positions) }
        var positions = known
        var fallen: FetchPositions.Run?
        buffer.update { buffer in
            // Records come in runs of a partition: looking each run up is enough.
            var place: (topic: OpaquePointer?, partition: Int32) = (nil, 0)
            var run: FetchPositions.Run?
            func end() {
                guard let run else { return }
                positions.end(run)
                if run.expected != nil { fallen = fallen ?? run }
            }
            for message in fetched {
                if place != (message.pointee.rkt, message.pointee.partition) {
                    end()
                    place = (message.pointee.rkt, message.pointee.partition)
                    let partition = ConsumerBuffer.partition(message)
                    // Fetched before its start was known: it comes again.
                    run = wanted.contains(partition) ? positions.run(of: partition) : nil
                }
                if run?.takes(message.pointee.offset) ?? false {
                    buffer.append(message)
                } else {
                    rd_kafka_message_destroy(message)
                }
            }
            end()
        }
        assignment.withLock { $0.positions = positions }
        if let fallen { giveUp(fallen) }
    }

    /// What was read of a partition isn't there any more: where to go on has to be decided anew, with nothing of it in
    /// hand, which a new member sees to.
    private func giveUp(_ run: FetchPositions.Run) {
        let text = "\(run.partition) has fallen back behind offset \(run.expected ?? 0)"
        failure.update { $0 = $0 ?? KafkaError(RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, text, isFatal: true) }
    }

    private func dropRevoked(_ fetched: inout [UnsafeMutablePointer<rd_kafka_message_t>]) {
        let revoked = assignment.withLock { assignment -> Set<TopicPartition> in
            guard !assignment.revoked.isEmpty else { return [] }
            defer { assignment.revoked = [] }
            return assignment.revoked
        }
        guard !revoked.isEmpty else { return }
        fetched.removeAll { message in
            guard revoked.contains(ConsumerBuffer.partition(message)) else { return false }
            rd_kafka_message_destroy(message)
            return true
        }
    }

    private func report(_ message: UnsafeMutablePointer<rd_kafka_message_t>) {
        let code = message.pointee.err
        if code == RD_KAFKA_RESP_ERR__PARTITION_EOF { return }
        let text = rd_kafka_message_errstr(message).map { String(cString: $0) } ?? ""
        let error = KafkaError(code, text)
        // A topic that isn't there yet, brokers away: librdkafka goes on trying.
        logger.log(level: error.isRetriable ? .info : .warning, "consumer", metadata: ["error": "\(error)"])
    }

    // MARK: Back-pressure

    private var isFull: Bool {
        buffer.withLock { $0.count >= configuration.bufferMessages || $0.bytes >= configuration.bufferBytes }
    }

    private func holdBack(_ raw: OpaquePointer) {
        if assignment.withLock({ $0.paused }) { return }
        let full = { [self] in isFull }
        let deadline = ContinuousClock.now + Self.patience
        while full() {
            if stop.isStopped { return }
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else {
                let partitions = assignment.withLock { assignment in
                    assignment.paused = true
                    return assignment.all.subtracting(assignment.waiting)
                }
                _ = PartitionList(partitions).use { rd_kafka_pause_partitions(raw, $0) }
                logger.debug("buffer full, partitions paused")
                return
            }
            _ = room.wait(for: min(left, .milliseconds(100))) { room -> Bool? in
                defer { room = false }
                return room ? true : nil
            }
        }
    }

    private func resumeIfPaused(_ raw: OpaquePointer) {
        let half = buffer.withLock {
            $0.count <= configuration.bufferMessages / 2 && $0.bytes <= configuration.bufferBytes / 2
        }
        guard half else { return }
        let partitions = assignment.withLock { assignment -> Set<TopicPartition>? in
            guard assignment.paused else { return nil }
            assignment.paused = false
            return assignment.all.subtracting(assignment.waiting)
        }
        if let partitions { _ = PartitionList(partitions).use { rd_kafka_resume_partitions(raw, $0) } }
    }

    // MARK: Rebalancing

    /// librdkafka's callback, on this thread.
    func rebalance(
        _ raw: OpaquePointer, _ code: rd_kafka_resp_err_t,
        _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>
    ) {
        let partitions = PartitionList.partitions(list)
        let cooperative = String(cString: rd_kafka_rebalance_protocol(raw)) == "COOPERATIVE"
        switch code {
        case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
            assign(raw, partitions, list, cooperative)
        case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
            revoke(raw, partitions, lost: rd_kafka_assignment_lost(raw) != 0)
            if cooperative { StopSignal().wait(for: Self.handover) }
            unassign(raw, list, cooperative)
        default:
            logger.warning("rebalance failed", metadata: ["error": "\(KafkaError(code))"])
            revoke(raw, partitions, lost: true)
            rd_kafka_assign(raw, nil)
        }
    }

    private func assign(
        _ raw: OpaquePointer, _ partitions: [TopicPartition],
        _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>, _ cooperative: Bool
    ) {
        let starts = place(raw, partitions)
        for index in 0..<partitions.count {
            if let start = starts[partitions[index]] { list.pointee.elems[index].offset = start }
        }
        let waiting = Set(partitions.filter { starts[$0] == nil })
        let pausedByBuffer = assignment.withLock { assignment -> Bool in
            assignment.all.formUnion(partitions)
            assignment.rebalances += 1
            assignment.waiting.formUnion(waiting)
            assignment.positions.place(starts)
            pacing.partitions.store(assignment.all.count, ordering: .relaxed)
            return assignment.paused
        }
        if cooperative {
            report(rd_kafka_incremental_assign(raw, list), "assign")
        } else {
            rd_kafka_assign(raw, list)
        }
        let held = pausedByBuffer ? Set(partitions) : waiting
        if !held.isEmpty { _ = PartitionList(held).use { rd_kafka_pause_partitions(raw, $0) } }
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
            logger.warning("start offsets unknown, partitions wait", metadata: ["error": "\(error)"])
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
                "partition waits", metadata: ["partition": "\(partition)", "error": "\(KafkaError(code))"])
            return nil
        }
        return marks
    }

    /// Asks the listener again for partitions that wait for their start.
    private func placeWaiting(_ raw: OpaquePointer) {
        let starts = place(raw, assignment.withLock { $0.waiting.sorted() })
        guard !starts.isEmpty else { return }
        do {
            try Self.seek(raw, starts, timeout: .seconds(2))
            let resumable = assignment.withLock { assignment -> Bool in
                assignment.waiting.subtract(starts.keys)
                assignment.positions.place(starts)
                return !assignment.paused
            }
            if resumable { _ = PartitionList(starts.keys).use { rd_kafka_resume_partitions(raw, $0) } }
        } catch {
            logger.warning("start offsets unknown, partitions wait", metadata: ["error": "\(error)"])
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
        let paused = assignment.withLock { assignment -> Set<TopicPartition> in
            let paused = assignment.paused ? going : assignment.waiting.intersection(going)
            assignment.all.subtract(going)
            assignment.rebalances += 1
            assignment.waiting.subtract(going)
            assignment.revoked.formUnion(going)
            assignment.positions.remove(going)
            if assignment.all.isEmpty { assignment.paused = false }
            pacing.partitions.store(assignment.all.count, ordering: .relaxed)
            return paused
        }
        // A pause outlives the assignment: the partition would still be paused when it comes back.
        _ = PartitionList(paused).use { rd_kafka_resume_partitions(raw, $0) }
        buffer.update { $0.drop(going) }
        let finished = buffer.wait(for: configuration.revokeTimeout) { $0.isInHand(going) ? nil : true } ?? false
        if !finished {
            logger.warning(
                "batch in hand outlived the revoke", metadata: ["partitions": "\(partitions.map(\.description))"])
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
        logger.warning("rebalance failed", metadata: ["error": "\(KafkaError(rd_kafka_error_code(error), what))"])
    }
}
