import Execution

extension ConsumerRunner {
    public struct Configuration: Sendable {
        public var group: String
        public var topics: [String]
        /// Those of them that are express lanes: their records go ahead of the others'.
        public var expressTopics: Set<String> = []
        /// Records in one transaction at most.
        public var batchSize = 1_000
        /// From the beginning of one batch to that of the next while records keep coming: one of many costs
        /// little more than one of few. A full batch doesn't wait, nor does the first record after a quiet time, nor an express
        /// record.
        public var ticking = Ticking(every: .milliseconds(25))
        /// Tries of a message whose handler fails, before it becomes a dead letter.
        public var attempts = 5
        public var retryBase: Duration = .milliseconds(100)
        public var retryCap: Duration = .seconds(10)
        /// False only for handlers that are idempotent by their own keys.
        public var usesInbox = true
        /// Of the commands that the group does.
        public var expiry = MessageExpiry.never
        /// What log lines call a record's key.
        public var keyField = "key"
        /// Reads payloads at the door.
        public var content: RecordReader.Content = { _ in nil }
        /// Of the content types that it reads.
        public var codecs = PayloadCodecs.installed

        public init(group: String, topics: [String]) {
            self.group = group
            self.topics = topics
        }
    }
}
