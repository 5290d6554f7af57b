import CLibrdkafka
import Execution
import Logging

/// The consumer's own thread: fetches into the buffer, serves librdkafka's callbacks, moves partitions in and out.
final class ConsumerPoller: Sendable {
    let stop = StopSignal()
    let pacing = FetchPacing()
    let configuration: ConsumerConfiguration
    let listener: any RebalanceListener
    let buffer: Monitor<ConsumerBuffer>
    let logger: Logger
    let assignment = Monitor(Assignment())
    private let room = Monitor(false)
    private let unowned = Monitor<[TopicPartition]>([])
    /// Why this member can't go on and a new one has to be made.
    let failure = Monitor<KafkaError?>(nil)

    struct Assignment {
        var all: Set<TopicPartition> = []
        /// The group has said what the member is to hold, be it nothing.
        var isKnown = false
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
    /// For the group to answer a member that is told to stop while it joins. It takes milliseconds, unless the group's
    /// leader is gone.
    private static let joining: Duration = .seconds(2)

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

    /// What the member holds, and how often that has changed.
    struct Holding: Sendable {
        let partitions: Set<TopicPartition>
        let rebalances: Int
    }

    var holding: Holding { assignment.withLock { Holding(partitions: $0.all, rebalances: $0.rebalances) } }
    var hasBeenAssigned: Bool { assignment.withLock { $0.isKnown } }
    /// Partitions of the group that lastingly belong to nobody.
    var ownerless: [TopicPartition] { unowned.withLock { $0 } }

    func run(_ handle: KafkaHandle, _ watch: GroupWatch) {
        var nextTry = ContinuousClock.now
        var membership = MembershipCheck()
        var owners = OwnerlessWatch()
        while !stop.isStopped {
            if let look = watch.take(), mustRejoin(after: look, &membership, &owners, handle.raw) {
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
        close(handle)
        buffer.update { $0.drop(nil) }
    }

    private func mustRejoin(
        after look: GroupWatch.Look, _ membership: inout MembershipCheck, _ owners: inout OwnerlessWatch,
        _ raw: OpaquePointer
    ) -> Bool {
        let rebalances = holding.rebalances
        if let name = configuration.kafka.membershipName,
            membership.isDisowned(by: look, instanceID: name, rebalances: rebalances)
        {
            logger.warning("coordinator_disagrees", metadata: ["partitions": "\(Self.list(look.held.partitions))"])
            return true
        }
        let isMyTurn = owners.judge(look.sighting, memberID: memberID(raw))
        let (before, after) = unowned.update { unowned in
            defer { unowned = owners.ownerless }
            return (unowned, owners.ownerless)
        }
        if after != before {
            logger.log(
                level: after.isEmpty ? .notice : .error,
                after.isEmpty ? "partitions have owners again" : "partitions without an owner",
                metadata: ["partitions": "\(Self.list(after.isEmpty ? before : after))"])
        }
        if isMyTurn { logger.warning("leaving and joining again, so that the group shares partitions out anew") }
        return isMyTurn
    }

    private static func list(_ partitions: some Collection<TopicPartition>) -> String {
        partitions.sorted().map(\.description).joined(separator: " ")
    }

    // MARK: Joining and leaving

    @discardableResult
    func subscribe(_ raw: OpaquePointer) -> rd_kafka_resp_err_t {
        let topics = PartitionList(
            configuration.topics.map { TopicPartition(topic: $0, partition: RD_KAFKA_PARTITION_UA) })
        return topics.use { rd_kafka_subscribe(raw, $0) }
    }

    /// Leaves the group for good. Closing calls `rebalance` for what we still have, on this thread.
    private func close(_ handle: KafkaHandle) {
        awaitAssignment(handle)
        // A static member that merely closes keeps its place for the session timeout, and its partitions lie idle. Who is
        // told to stop isn't expected back so soon, and says so.
        leave(handle.raw)
        // Who has unsubscribed isn't let in any more: this doesn't change.
        if isBetweenJoinAndAssignment(handle.raw) { handle.keepForever() }
        let code = rd_kafka_consumer_close(handle.raw)
        if code != RD_KAFKA_RESP_ERR_NO_ERROR {
            logger.warning("leaving the group failed", metadata: ["error": "\(KafkaError(code))"])
        }
    }

    /// librdkafka 2.0.2 aborts the process when a client is destroyed that has been let into its group and was never
    /// told what it holds (its issue 4312: the cooperative assignor destroys a state that it doesn't have yet). So that is
    /// waited for, and a client for which it doesn't come isn't destroyed.
    private func awaitAssignment(_ handle: KafkaHandle) {
        let deadline = ContinuousClock.now + Self.joining
        while isBetweenJoinAndAssignment(handle.raw), handle.fatalError == nil, .now < deadline {
            if let message = rd_kafka_consumer_poll(handle.raw, 20) { rd_kafka_message_destroy(message) }
        }
    }

    /// The coordinator has let the member in, which is what gives it a protocol, and hasn't told it what it holds.
    private func isBetweenJoinAndAssignment(_ raw: OpaquePointer) -> Bool {
        guard !hasBeenAssigned, let name = rd_kafka_rebalance_protocol(raw) else { return false }
        return String(cString: name) != "NONE"
    }

    /// Leaves the group for now: librdkafka lets a static member leave too, by unsubscribing.
    private func leave(_ raw: OpaquePointer) {
        guard rd_kafka_unsubscribe(raw) == RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        let deadline = ContinuousClock.now + configuration.revokeTimeout + .seconds(1)
        while !memberID(raw).isEmpty, .now < deadline {
            if let message = rd_kafka_consumer_poll(raw, 20) { rd_kafka_message_destroy(message) }
        }
    }

    /// Empty while it has none: librdkafka forgets it once it has asked to leave.
    private func memberID(_ raw: OpaquePointer) -> String {
        guard let id = rd_kafka_memberid(raw) else { return "" }
        defer { rd_kafka_mem_free(raw, id) }
        return String(cString: id)
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
}
