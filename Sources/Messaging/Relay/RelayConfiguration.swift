import Execution

extension Relay {
    /// How a relay reads and publishes.
    public struct Configuration: Sendable {
        /// Rows read and published at once.
        public var pageSize = 2_000
        /// Longest wait for new rows when nobody tells the relay of any: how long those wait whose writer was killed
        /// before it could, or belongs to no service of ours.
        public var idlePoll: Duration = .seconds(1)
        /// The same while it is known that nothing is written to the server.
        public var restPoll: Duration = .seconds(10)
        /// The same after rows were found that nobody had told of; doubles up to `idlePoll` while there are none.
        public var busyPoll: Duration = .milliseconds(10)
        /// A follower passes on at most once in so long that its process has committed rows.
        public var passingOn: Duration = .milliseconds(25)
        /// From one publication to the next while rows keep coming: rows that are committed meanwhile go out
        /// together, which costs the brokers and consumers a fraction. A full page doesn't wait, nor does the first row
        /// after a quiet time.
        public var ticking = Ticking(every: .milliseconds(20))
        /// The checkpoint is stored so long after rows were published, or after so many of them; in a backlog while the page
        /// behind them is on its way. These and three pages, one of them of express rows, have to lie within the reach of
        /// `PublishedTail`.
        public var checkpointInterval: Duration = .milliseconds(500)
        public var checkpointRows = 1_000
        /// By which facts are copied to further topics, in the same publication.
        public var routes = RouteTable.none
        /// What payloads are sent in; nil leaves them as they are stored.
        public var formats: RelayFormats?
        /// How often a follower asks for the leadership.
        public var leadershipPoll: Duration = .seconds(1)
        /// Reads PostgreSQL's log where it can, and by windows while it can't.
        public var readsLog = false

        public init() {}
    }
}
