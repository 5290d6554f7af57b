import CLibrdkafka

/// A topic to be made.
public struct NewTopic: Hashable, Sendable {
    public var name: String
    public var partitions: Int
    public var replication: Int
    /// Such as `retention.ms`.
    public var configuration: [String: String]

    public init(_ name: String, partitions: Int, replication: Int, configuration: [String: String] = [:]) {
        self.name = name
        self.partitions = partitions
        self.replication = replication
        self.configuration = configuration
    }
}

/// A topic as the cluster has it.
public struct TopicDescription: Hashable, Sendable {
    public var name: String
    public var partitions: [Partition]

    public struct Partition: Hashable, Sendable {
        public var id: Int32
        /// -1 while there is none.
        public var leader: Int32
        public var replicas: Int
        public var inSync: Int

        public init(id: Int32, leader: Int32, replicas: Int, inSync: Int) {
            self.id = id
            self.leader = leader
            self.replicas = replicas
            self.inSync = inSync
        }
    }

    public init(name: String, partitions: [Partition]) {
        self.name = name
        self.partitions = partitions
    }

    /// Where its records lie, in the order of `partitions`.
    public var places: [TopicPartition] { partitions.map { TopicPartition(topic: name, partition: $0.id) } }
}

/// The offsets that a partition holds.
public struct Watermarks: Hashable, Sendable {
    /// Of the oldest record.
    public var low: Int64
    /// Of the record that comes next.
    public var high: Int64

    public init(low: Int64, high: Int64) {
        self.low = low
        self.high = high
    }

    /// Records that a reader at `next` has yet to read; nil has read nothing.
    public func remaining(from next: Int64?) -> Int64 { max(0, high - max(next ?? low, low)) }
}

extension Admin {
    /// Makes those of `topics` that don't exist; what exists stays as it is.
    ///
    /// - Returns: the names of those made.
    @discardableResult
    public func createTopics(_ topics: [NewTopic]) throws -> [String] {
        var requests: [OpaquePointer?] = []
        defer { for case let request? in requests { rd_kafka_NewTopic_destroy(request) } }
        for topic in topics {
            var text = [CChar](repeating: 0, count: 256)
            guard
                let request = rd_kafka_NewTopic_new(
                    topic.name, Int32(topic.partitions), Int32(topic.replication), &text, text.count)
            else { throw KafkaError(configuration: "topic \(topic.name): \(KafkaConfiguration.string(text))") }
            requests.append(request)
            for (name, value) in topic.configuration {
                guard rd_kafka_NewTopic_set_config(request, name, value) == RD_KAFKA_RESP_ERR_NO_ERROR else {
                    throw KafkaError(configuration: "topic \(topic.name): property \(name)")
                }
            }
        }
        guard !requests.isEmpty else { return [] }
        return try request(
            RD_KAFKA_ADMIN_OP_CREATETOPICS, "create topics",
            send: { options, queue in
                rd_kafka_CreateTopics(handle.raw, &requests, requests.count, options, queue)
            },
            result: { event in
                var count = 0
                guard let results = rd_kafka_CreateTopics_result_topics(event, &count) else { return [] }
                var made: [String] = []
                for index in 0..<count {
                    guard let result = results[index] else { continue }
                    let name = String(cString: rd_kafka_topic_result_name(result))
                    switch rd_kafka_topic_result_error(result) {
                    case RD_KAFKA_RESP_ERR_NO_ERROR: made.append(name)
                    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS: break
                    case let code: throw KafkaError(code, "create topic \(name)")
                    }
                }
                return made
            })
    }

    /// Deletes topics with all that they hold.
    public func deleteTopics(_ names: [String]) throws {
        var requests = names.map { rd_kafka_DeleteTopic_new($0) }
        defer { for case let request? in requests { rd_kafka_DeleteTopic_destroy(request) } }
        guard !requests.isEmpty else { return }
        try request(
            RD_KAFKA_ADMIN_OP_DELETETOPICS, "delete topics",
            send: { options, queue in
                rd_kafka_DeleteTopics(handle.raw, &requests, requests.count, options, queue)
            },
            result: { event in
                var count = 0
                guard let results = rd_kafka_DeleteTopics_result_topics(event, &count) else { return }
                for index in 0..<count {
                    guard let result = results[index] else { continue }
                    let code = rd_kafka_topic_result_error(result)
                    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
                        throw KafkaError(code, "delete topic \(String(cString: rd_kafka_topic_result_name(result)))")
                    }
                }
            })
    }

    /// All topics of the cluster, by name; with `name`, that one if it exists.
    public func topics(named name: String? = nil) throws(KafkaError) -> [TopicDescription] {
        // Asking for one topic by name could make it, where the brokers do that; so all are asked for.
        var raw: UnsafePointer<rd_kafka_metadata>?
        let code = rd_kafka_metadata(handle.raw, 1, nil, &raw, timeoutMilliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata = raw else {
            throw handle.explained(KafkaError(code, "describe topics"))
        }
        defer { rd_kafka_metadata_destroy(metadata) }
        return (0..<Int(metadata.pointee.topic_cnt))
            .map { Self.describe(metadata.pointee.topics[$0]) }
            .filter { name == nil || $0.name == name }
            .sorted { $0.name < $1.name }
    }

    private static func describe(_ topic: rd_kafka_metadata_topic) -> TopicDescription {
        let partitions = (0..<Int(topic.partition_cnt)).map { index in
            let partition = topic.partitions[index]
            return TopicDescription.Partition(
                id: partition.id, leader: partition.leader, replicas: Int(partition.replica_cnt),
                inSync: Int(partition.isr_cnt))
        }
        return TopicDescription(
            name: String(cString: topic.topic), partitions: partitions.sorted { $0.id < $1.id })
    }

    /// What `partition` holds now, asked of its leader.
    public func watermarks(_ partition: TopicPartition) throws(KafkaError) -> Watermarks {
        var low: Int64 = 0
        var high: Int64 = 0
        let code = rd_kafka_query_watermark_offsets(
            handle.raw, partition.topic, partition.partition, &low, &high, timeoutMilliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            throw handle.explained(KafkaError(code, "watermarks of \(partition)"))
        }
        return Watermarks(low: low, high: high)
    }
}
