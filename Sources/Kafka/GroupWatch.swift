import CLibrdkafka
import Execution
import Logging

/// Looks at a member's whole group every few seconds, less often while it is whole and nothing moves (`GroupRest`), on a
/// thread of its own: metadata can only be waited for, and the poll thread must not wait.
final class GroupWatch: Sendable {
    let stop = StopSignal()
    private let configuration: ConsumerConfiguration
    private let logger: Logger
    private let state = Monitor(State())
    private let thread = Monitor<DedicatedThread?>(nil)

    private struct State {
        var latest: GroupSighting?
        /// Not yet taken by the poll thread.
        var news: Look?
        /// Why the last look failed, so that it is said once.
        var failure: KafkaError?
    }

    /// A sighting, and what the member itself held when the coordinator was asked.
    struct Look: Sendable {
        let sighting: GroupSighting
        let held: HeldPartitions.Summary
    }

    private static let timeout: Duration = .seconds(5)
    private static let slice: Duration = .milliseconds(100)
    /// For the metadata of one topic.
    private static let metadataTimeout: Int32 = 1_000

    init(_ configuration: ConsumerConfiguration, _ logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    var latest: GroupSighting? { state.withLock { $0.latest } }

    /// What was seen since the last call.
    func take() -> Look? {
        state.withLock { state in
            defer { state.news = nil }
            return state.news
        }
    }

    func start(_ handle: KafkaHandle, of poller: ConsumerPoller) {
        let started = DedicatedThread.start("kafka-group") { [self] in
            // Members that started together don't ask together.
            var pause = configuration.watchInterval * Double.random(in: 0.5...1)
            var rest = GroupRest(configuration)
            while !stop.wait(for: pause) {
                pause = configuration.watchInterval
                let held = poller.holding
                guard !rest.passesOver(held) else { continue }
                rest.looked(held, seeing: look(handle, held))
            }
        }
        thread.withLock { $0 = started }
    }

    /// Looks no more. Blocks until the look that is going on has ended.
    func close() {
        stop.stop()
        thread.withLock { $0 }?.join(timeout: .seconds(2))
    }

    /// Nil where the group wasn't seen.
    private func look(_ handle: KafkaHandle, _ held: HeldPartitions.Summary) -> GroupSighting? {
        do {
            guard let group = try describe(handle) else { return nil }
            var (partitions, missing): (Set<TopicPartition>, [String]) = ([], [])
            for topic in configuration.topics {
                switch try self.partitions(of: topic, handle) {
                case .some(let found): partitions.formUnion(found)
                case .none: missing.append(topic)
                }
            }
            let sighting = GroupSighting(group: group, partitions: partitions, missingTopics: missing)
            state.withLock { $0 = State(latest: sighting, news: Look(sighting: sighting, held: held)) }
            return sighting
        } catch {
            let isNew = state.withLock { state -> Bool in
                defer { state.failure = error }
                return state.failure?.code != error.code
            }
            // Brokers away are reported elsewhere. What else it is, such as a missing right, lasts, and partitions without an
            // owner go unnoticed meanwhile.
            if isNew, !error.isRetriable {
                logger.warning(
                    "group_not_seen",
                    metadata: ["group": "\(configuration.group)", "error": "\(error)"])
            }
            return nil
        }
    }

    /// Nil when stopped meanwhile.
    private func describe(_ handle: KafkaHandle) throws(KafkaError) -> GroupDescription? {
        guard let queue = rd_kafka_queue_new(handle.raw) else { return nil }
        defer { rd_kafka_queue_destroy(queue) }
        configuration.group.withCString { name in
            var names: [UnsafePointer<CChar>?] = [name]
            rd_kafka_DescribeConsumerGroups(handle.raw, &names, 1, nil, queue)
        }
        let deadline = ContinuousClock.now + Self.timeout
        while !stop.isStopped, .now < deadline {
            guard let event = rd_kafka_queue_poll(queue, Int32(Self.slice / .milliseconds(1))) else { continue }
            defer { rd_kafka_event_destroy(event) }
            let code = rd_kafka_event_error(event)
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, "describe group") }
            return try Admin.groups(in: event).first
        }
        return nil
    }

    /// Nil where there is no such topic.
    private func partitions(of name: String, _ handle: KafkaHandle) throws(KafkaError) -> [TopicPartition]? {
        guard let topic = handle.topic(name) else { return nil }
        var raw: UnsafePointer<rd_kafka_metadata>?
        let code = rd_kafka_metadata(handle.raw, 0, topic, &raw, Self.metadataTimeout)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let raw else { throw KafkaError(code, "metadata of \(name)") }
        defer { rd_kafka_metadata_destroy(raw) }
        guard raw.pointee.topic_cnt > 0 else { return nil }
        let described = raw.pointee.topics[0]
        switch described.err {
        case RD_KAFKA_RESP_ERR_NO_ERROR: break
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART: return nil
        default: throw KafkaError(described.err, "metadata of \(name)")
        }
        return (0..<Int(described.partition_cnt)).map {
            TopicPartition(topic: name, partition: described.partitions[$0].id)
        }
    }
}
