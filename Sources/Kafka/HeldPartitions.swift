/// The partitions that a member holds, and how far the poll thread is with each.
struct HeldPartitions {
    private(set) var all: Set<TopicPartition> = []
    /// The group has said what the member is to hold, be it nothing.
    private(set) var isKnown = false
    /// Paused until the listener has said where they start.
    private(set) var waiting: Set<TopicPartition> = []
    /// Paused because the buffer stays full.
    var isPaused = false
    /// Paused so that others have their turn (`TurnKeeper`).
    var aside: Set<TopicPartition> = []
    /// Times that partitions came or went.
    private(set) var rebalances = 0
    /// Taken away during the fetch that is going on.
    private var revoked: Set<TopicPartition> = []
    var positions = FetchPositions()

    /// What is fetched from: all but those that wait.
    var started: Set<TopicPartition> { all.subtracting(waiting) }

    /// Takes partitions in; those without a start wait.
    mutating func assign(_ partitions: [TopicPartition], from starts: [TopicPartition: Int64]) {
        all.formUnion(partitions)
        isKnown = true
        rebalances += 1
        waiting.formUnion(partitions.filter { starts[$0] == nil })
        positions.place(starts)
    }

    /// Partitions that waited have their starts now.
    mutating func start(_ starts: [TopicPartition: Int64]) {
        waiting.subtract(starts.keys)
        positions.place(starts)
    }

    /// Gives partitions up. Returns those of them that are paused.
    mutating func revoke(_ going: Set<TopicPartition>) -> Set<TopicPartition> {
        let paused = isPaused ? going : waiting.union(aside).intersection(going)
        all.subtract(going)
        rebalances += 1
        waiting.subtract(going)
        aside.subtract(going)
        revoked.formUnion(going)
        positions.remove(going)
        if all.isEmpty { isPaused = false }
        return paused
    }

    /// What was taken away since the last call.
    mutating func takeRevoked() -> Set<TopicPartition> {
        guard !revoked.isEmpty else { return [] }
        defer { revoked = [] }
        return revoked
    }

    /// What the member holds, and how often that has changed.
    struct Summary: Sendable {
        let partitions: Set<TopicPartition>
        let rebalances: Int
    }

    var summary: Summary { Summary(partitions: all, rebalances: rebalances) }
}
