import Kafka

extension SharedReading {
    struct State {
        /// The leader's partitions; nil until its group has told.
        var held: Set<TopicPartition>?
        /// Behind what the leader has taken of them; missing until it has been told where to start.
        var next: [TopicPartition: Int64] = [:]
        /// Where the leader's own work begins, which started early for others.
        var own: [TopicPartition: Int64] = [:]
        var waitsUntil: ContinuousClock.Instant?
        var hasBegun = false
        var followers: [Follower]
    }

    struct Follower {
        /// Nil until its group has told.
        var held: Set<TopicPartition>?
        /// What the leader reads for it, from these offsets on.
        var joined: [TopicPartition: Int64] = [:]
        /// What it reads itself, and how far it is.
        var alone: [TopicPartition: Int64] = [:]
        /// Has been joined, and its own member is to let go of it, whatever has come of that since.
        var leaving: Set<TopicPartition> = []
        /// Times that it has left the leader: what was read for it before isn't its business any more.
        var departures = 0
        var waitsUntil: ContinuousClock.Instant?
        var restsUntil: ContinuousClock.Instant?
        var news = FollowerNews()
        /// For its own worker; nil once that has taken it.
        var handed: HandedRecords?
        /// Something was handed to its worker, which isn't through with it. Nothing behind that may be done elsewhere.
        var isBusy = false
    }
}

extension SharedReading.Follower {
    /// Reads alone from now on, where it had joined the leader.
    mutating func leave() {
        guard !joined.isEmpty else { return }
        joined = [:]
        departures += 1
    }
}
