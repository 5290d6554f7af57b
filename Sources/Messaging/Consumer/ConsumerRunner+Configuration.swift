extension ConsumerRunner {
    public struct Configuration: Sendable {
        public var group: String
        public var topics: [String]
        /// Records in one transaction at most.
        public var batchSize = 500
        /// After a batch of few records, how long to let more gather, at least and at most; in between twice as long as
        /// that one took. One of many costs little more than one of few: a busy machine gets through more. The first
        /// record after a quiet time doesn't wait.
        public var gathering: ClosedRange<Duration> = .milliseconds(2) ... .milliseconds(50)
        /// Tries of a message whose handler fails, before it becomes a dead letter.
        public var attempts = 5
        public var retryBase: Duration = .milliseconds(100)
        public var retryCap: Duration = .seconds(10)
        /// False only for handlers that are idempotent by their own keys.
        public var usesInbox = true
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
