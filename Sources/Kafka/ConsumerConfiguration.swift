/// A consumer group's member, and how much it may hold.
public struct ConsumerConfiguration: Sendable {
    public var kafka: KafkaConfiguration
    public var group: String
    public var topics: [String]
    /// Those of them whose records go ahead of the others'. They are fetched and buffered apart.
    public var urgentTopics: Set<String> = []
    /// Records and bytes that wait for a worker. Beyond them fetching pauses; the broker may overshoot by one response.
    public var bufferMessages = 5_000
    public var bufferBytes = 8 << 20
    /// How long a revoke waits for batches in hand before it gives the partitions up anyway. Below
    /// `max.poll.interval.ms`, or the group gives up first.
    public var revokeTimeout: Duration = .seconds(5)
    /// How often the member looks at its whole group. What it sees three times in a row counts, so three looks have to
    /// take longer than a move of partitions, for which `revokeTimeout` stands. (librdkafka 2.0.2 stops for good when
    /// brokers don't know DescribeGroups; only its own mock cluster doesn't, where members must not look.)
    public var watchInterval: Duration = .seconds(3)

    public init(_ kafka: KafkaConfiguration, group: String, topics: [String]) {
        self.kafka = kafka
        self.group = group
        self.topics = topics
    }

    func isUrgent(_ partition: TopicPartition) -> Bool { urgentTopics.contains(partition.topic) }
}

/// What happens to a member's partitions. Called on the consumer's poll thread; the group waits meanwhile.
public protocol RebalanceListener: Sendable {
    /// Where to start each partition; one that is missing starts at its committed offset. When it throws, the
    /// partitions stay paused and it is asked again, until it answers or they are taken away.
    func partitionsAssigned(_ partitions: [TopicPartition]) throws -> [TopicPartition: Int64]
    /// Of the starts that it has said, those that the partitions don't hold, and where to start instead. When it throws,
    /// the partitions wait as above.
    func startsOutside(_ starts: [TopicPartition: StartOutside]) throws -> [TopicPartition: Int64]
    /// The partitions are about to go. No batch in hand touches them any more, unless it took longer than
    /// `revokeTimeout`. `lost`: they are another member's already.
    func partitionsRevoked(_ partitions: [TopicPartition], lost: Bool)
}

extension RebalanceListener {
    /// From the oldest record that there is.
    public func startsOutside(_ starts: [TopicPartition: StartOutside]) throws -> [TopicPartition: Int64] {
        starts.mapValues(\.marks.low)
    }
}

/// A start that its partition doesn't hold.
public struct StartOutside: Hashable, Sendable {
    public let start: Int64
    public let marks: Watermarks

    public init(start: Int64, marks: Watermarks) {
        self.start = start
        self.marks = marks
    }

    /// The partition ends before it: records that were read are gone. Otherwise it begins behind it: records that
    /// weren't read are gone.
    public var isBeyondEnd: Bool { start > marks.high }
}
