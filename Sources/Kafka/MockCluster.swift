import CLibrdkafka
import Logging

/// librdkafka's own mock brokers (rdkafka_mock.h), in this process: for faults that a real broker can't be asked for.
///
/// `@unchecked Sendable`: the mock's calls take its own lock; the pointer never changes and lives as long as the
/// client that holds it.
public final class MockCluster: @unchecked Sendable {
    /// Requests by their API key (Kafka protocol guide, "Api Keys").
    public enum Request: Int16, Sendable {
        case produce = 0, fetch = 1, listOffsets = 2, metadata = 3, offsetCommit = 8, offsetFetch = 9
        case findCoordinator = 10, joinGroup = 11, heartbeat = 12, leaveGroup = 13, syncGroup = 14
        case initProducerID = 22
    }

    /// What a request is answered with.
    public struct Fault: Sendable {
        let code: rd_kafka_resp_err_t

        /// The connection is cut instead of an answer.
        public static let disconnect = Fault(code: RD_KAFKA_RESP_ERR__TRANSPORT)
        public static let notLeader = Fault(code: RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION)
        public static let notEnoughReplicas = Fault(code: RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS)
        public static let requestTimedOut = Fault(code: RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT)
        public static let messageTooLarge = Fault(code: RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        public static let outOfOrderSequence = Fault(code: RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER)
        public static let fencedInstance = Fault(code: RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID)
        public static let rebalanceInProgress = Fault(code: RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS)
    }

    private let handle: KafkaHandle
    private let raw: OpaquePointer
    /// `host:port` of each broker, comma-separated.
    public let bootstrapServers: String

    /// - Parameter brokers: their ids are 1 and up.
    public init(brokers: Int = 1, logger: Logger) throws(KafkaError) {
        // A mock lives in a client, which needs no other broker than the mock's.
        let conf = try KafkaConfiguration(bootstrapServers: "127.0.0.1:1").make([
            ("test.mock.num.brokers", String(brokers))
        ])
        handle = try KafkaHandle(RD_KAFKA_PRODUCER, conf, logger: logger)
        guard let raw = rd_kafka_handle_mock_cluster(handle.raw) else {
            throw KafkaError(configuration: "no mock cluster in the client")
        }
        self.raw = raw
        bootstrapServers = String(cString: rd_kafka_mock_cluster_bootstraps(raw))
    }

    public func createTopic(_ name: String, partitions: Int, replication: Int = 1) throws(KafkaError) {
        let code = rd_kafka_mock_topic_create(raw, name, Int32(partitions), Int32(replication))
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, "mock topic \(name)") }
    }

    /// The next requests of that kind are answered with `faults`, one each, and have no effect.
    public func fail(_ request: Request, with faults: [Fault]) {
        let codes = faults.map(\.code)
        rd_kafka_mock_push_request_errors_array(raw, request.rawValue, codes.count, codes)
    }

    /// Cuts a broker's connections and refuses new ones. Its partitions keep it as leader.
    /// - Parameter broker: -1 is all of them.
    public func takeDown(broker: Int32 = -1) { _ = rd_kafka_mock_broker_set_down(raw, broker) }
    public func bringUp(broker: Int32 = -1) { _ = rd_kafka_mock_broker_set_up(raw, broker) }

    public func setLeader(_ broker: Int32, of partition: TopicPartition) {
        _ = rd_kafka_mock_partition_set_leader(raw, partition.topic, partition.partition, broker)
    }
}
