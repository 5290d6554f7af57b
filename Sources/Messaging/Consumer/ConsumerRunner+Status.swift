import Kafka

extension ConsumerRunner {
    /// What readiness says of the consumer.
    public struct Status: Sendable {
        public var assigned: Set<TopicPartition> = []
        /// The group has said, at least once, what this member is to hold.
        public var isAssigned = false
        /// The whole group, as it was last seen; nil until then, and where the brokers don't tell.
        public var group: GroupSighting?
        /// Partitions of the group's topics that lastingly belong to nobody.
        public var ownerless: [TopicPartition] = []
        /// Another process claims the same name in the group.
        public var clash: String?
        /// The error that holds the group up, nil while it flows.
        public var problem: String?
        /// The same of express records, which have a worker of their own.
        var expressProblem: String?
        /// The last one, for an hour.
        public var setback: Setback?
        /// Where assigned partitions start, until Kafka is told.
        var starts: [TopicPartition: Int64] = [:]

        public init() {}

        /// Notes what holds a worker up, nil where nothing does.
        mutating func note(_ problem: String?, ofExpress isExpress: Bool) {
            if isExpress { expressProblem = problem } else { self.problem = problem }
        }
    }

    /// A topic that doesn't hold what it should. The group goes on; an operator should know why it reads again.
    public struct Setback: Sendable {
        public let reason: String
        let until = ContinuousClock.now + .seconds(3600)

        public init(reason: String) { self.reason = reason }
    }
}
