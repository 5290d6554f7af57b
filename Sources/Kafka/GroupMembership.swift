import CLibrdkafka
import Execution
import Logging

/// How a member joins its group and leaves it. Runs on the poll thread.
struct GroupMembership: Sendable {
    private let configuration: ConsumerConfiguration
    private let held: Monitor<HeldPartitions>
    private let logger: Logger

    /// For the group to answer a member that is told to stop while it joins. It takes milliseconds, unless the group's
    /// leader is gone.
    private static let joining: Duration = .seconds(2)

    init(_ configuration: ConsumerConfiguration, _ held: Monitor<HeldPartitions>, _ logger: Logger) {
        self.configuration = configuration
        self.held = held
        self.logger = logger
    }

    /// The name that the member keeps over restarts; nil without one.
    var instanceID: String? { configuration.kafka.membershipName }

    @discardableResult
    func subscribe(_ raw: OpaquePointer) -> rd_kafka_resp_err_t {
        let topics = PartitionList(
            configuration.topics.map { TopicPartition(topic: $0, partition: RD_KAFKA_PARTITION_UA) })
        return topics.use { rd_kafka_subscribe(raw, $0) }
    }

    /// Leaves the group for good. Closing calls librdkafka's rebalance callback for what is still held, on this thread.
    func close(_ handle: KafkaHandle) {
        awaitAssignment(handle)
        // A static member that merely closes keeps its place for the session timeout, and its partitions lie idle. One
        // that is told to stop isn't expected back so soon, and says so.
        leave(handle.raw)
        // A member that has unsubscribed isn't let in any more: this doesn't change.
        if isBetweenJoinAndAssignment(handle.raw) { handle.keepForever() }
        let code = rd_kafka_consumer_close(handle.raw)
        if code != RD_KAFKA_RESP_ERR_NO_ERROR {
            logger.warning("group_leave_failed", metadata: ["error": "\(KafkaError(code))"])
        }
    }

    /// Leaves the group for now: librdkafka lets a static member leave too, by unsubscribing.
    func leave(_ raw: OpaquePointer) {
        guard rd_kafka_unsubscribe(raw) == RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        let deadline = ContinuousClock.now + configuration.revokeTimeout + .seconds(1)
        while !memberID(raw).isEmpty, .now < deadline {
            if let message = rd_kafka_consumer_poll(raw, 20) { rd_kafka_message_destroy(message) }
        }
    }

    /// Empty while it has none: librdkafka forgets it once it has asked to leave.
    func memberID(_ raw: OpaquePointer) -> String {
        guard let id = rd_kafka_memberid(raw) else { return "" }
        defer { rd_kafka_mem_free(raw, id) }
        return String(cString: id)
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
        guard !held.withLock({ $0.isKnown }), let name = rd_kafka_rebalance_protocol(raw) else { return false }
        return String(cString: name) != "NONE"
    }
}
