import Execution
import Kafka

/// What passes between the workers of groups that read together.
extension SharedReading {
    /// How long a follower reads alone that the leader has sent away.
    private static let rest: Duration = .seconds(5)

    // MARK: Of the leader's worker

    /// What is to be given to whom of a batch that the leader takes.
    struct Claim {
        /// Of partitions that it reads again for others: where its own work begins.
        let leader: [TopicPartition: Int64]
        let followers: [[TopicPartition: Int64]]
        /// How often each follower has left: what was read for it before its last departure is nothing to it.
        let departures: [Int]

        var isShared: Bool { followers.contains { !$0.isEmpty } }
    }

    /// Takes a batch, of which `ends` are the offsets behind the last ones. From now on nobody joins before them.
    func claim(_ ends: [TopicPartition: Int64]) -> Claim {
        state.withLock { state in
            for (partition, end) in ends {
                if let own = state.own[partition], let next = state.next[partition], next >= own {
                    state.own[partition] = nil
                }
                state.next[partition]? = end
            }
            return Claim(
                leader: state.own.filter { ends[$0.key] != nil },
                followers: state.followers.map { follower in follower.joined.filter { ends[$0.key] != nil } },
                departures: state.followers.map(\.departures))
        }
    }

    func departures(of follower: Int) -> Int { state.withLock { $0.followers[follower].departures } }

    /// The follower reads alone from now on, from its stored offsets.
    func dismiss(_ follower: Int, at now: ContinuousClock.Instant = .now) {
        state.withLock { state in
            state.followers[follower].leave()
            state.followers[follower].restsUntil = now + Self.rest
        }
        wake[follower + 1]()
    }

    /// Whether each follower has yet to be through with what was handed to it.
    var busy: [Bool] { state.withLock { $0.followers.map(\.isBusy) } }

    /// Gives a follower's own worker something to do, once it is through with what it has. False when that takes longer
    /// than `patience`, and where the follower has left since it was read for it. Blocks the calling thread.
    func hand(_ records: HandedRecords, to follower: Int, since departures: Int, patience: Duration) -> Bool {
        let isTaken: Bool? = state.wait(for: patience) { state in
            if state.followers[follower].departures != departures { return false }
            if state.followers[follower].isBusy { return nil }
            state.followers[follower].handed = records
            state.followers[follower].isBusy = true
            return true
        }
        guard isTaken == true else { return false }
        rouse[follower + 1]()
        return true
    }

    /// Something was committed for a follower.
    func tell(_ follower: Int, _ news: FollowerNews) {
        state.withLock { $0.followers[follower].news.merge(news) }
    }

    /// Something was passed over for a follower. False where it isn't known whether all before it is done: while its own
    /// worker has something in hand, and where it has left.
    func tell(_ follower: Int, _ news: FollowerNews, since departures: Int) -> Bool {
        state.withLock { state in
            guard state.followers[follower].departures == departures, !state.followers[follower].isBusy else {
                return false
            }
            state.followers[follower].news.merge(news)
            return true
        }
    }

    // MARK: Of a follower's worker

    /// What has been done for the follower since the last call.
    func takeNews(of follower: Int) -> FollowerNews {
        state.withLock { state in
            defer { state.followers[follower].news = FollowerNews() }
            return state.followers[follower].news
        }
    }

    func takeHanded(to follower: Int) -> HandedRecords? {
        state.withLock { state in
            defer { state.followers[follower].handed = nil }
            return state.followers[follower].handed
        }
    }

    /// The follower's worker is through with what was handed to it.
    func finishHanded(to follower: Int) { state.update { $0.followers[follower].isBusy = false } }

    /// Those of a batch's partitions that the follower reads itself. Records of others are the leader's, and those behind
    /// them come again.
    func alone(_ follower: Int, of partitions: some Sequence<TopicPartition>) -> Set<TopicPartition> {
        state.withLock { state in Set(partitions.filter { state.followers[follower].alone[$0] != nil }) }
    }

    /// The follower is through with its batch, and has nothing in hand.
    func advanced(_ follower: Int, to ends: [TopicPartition: Int64]) {
        state.withLock { state in
            for (partition, end) in ends { state.followers[follower].alone[partition]? = end }
        }
    }

    /// Lets the leader read for a follower that is near, where the leader hasn't come yet. With nothing in hand. Returns
    /// the partitions.
    @discardableResult
    func join(_ follower: Int, at now: ContinuousClock.Instant = .now) -> Set<TopicPartition> {
        let new = state.withLock { state -> Set<TopicPartition> in
            let mine = state.followers[follower]
            if let rests = mine.restsUntil, now < rests { return [] }
            var new: Set<TopicPartition> = []
            for (partition, place) in mine.alone {
                guard let next = state.next[partition], next <= place, place - next <= near else { continue }
                state.followers[follower].alone[partition] = nil
                state.followers[follower].joined[partition] = place
                state.followers[follower].leaving.insert(partition)
                new.insert(partition)
            }
            return new
        }
        if !new.isEmpty { wake[follower + 1]() }
        return new
    }
}
