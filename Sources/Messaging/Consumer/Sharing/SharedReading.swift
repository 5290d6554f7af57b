import Execution
import Kafka

/// Which partitions the groups of one process read by one fetch. Each group is a member of its own at the brokers and has
/// offsets of its own; what the first of them, the leader, fetches of a partition is given to those others, the followers,
/// that have *joined* it there, and these fetch nothing of it themselves.
///
/// What a group is given of a partition is all that follows the place where it joined: it joins where the leader hasn't come
/// yet, and what the leader fetches has no gap. A follower that is far from the leader, that has partitions which the leader's
/// member hasn't got, or whose handler fails, reads alone, from its stored offset, and joins again when it is near: no group
/// waits for another.
///
/// Nothing that is wrong here could lose or double an effect that two processes of a group couldn't: a group's offsets move in
/// the transaction of its effects, from where they stand.
final class SharedReading: Sendable {
    /// Records between a follower and the leader that it joins, at most: so many are fetched for the one and passed over
    /// for the other.
    let near: Int64
    static let usuallyNear: Int64 = 10_000
    /// How long the leader waits at its first start for the others to be told what they hold, so that they begin together.
    private static let rendezvous: Duration = .seconds(3)
    /// How long a follower waits for the leader's start before it reads alone.
    private static let patience: Duration = .seconds(10)

    private let topics: Set<String>
    let state: Monitor<State>
    /// Has the members look again which partitions they hold back: the leader's, then the followers'.
    let wake: [@Sendable () -> Void]
    /// Has the workers look for what was handed to them.
    let rouse: [@Sendable () -> Void]

    /// - Parameter topics: that the leader reads.
    init(
        topics: Set<String>, near: Int64 = SharedReading.usuallyNear, wake: [@Sendable () -> Void],
        rouse: [@Sendable () -> Void]
    ) {
        self.topics = topics
        self.near = near
        self.wake = wake
        self.rouse = rouse
        state = Monitor(State(followers: Array(repeating: Follower(), count: max(0, wake.count - 1))))
    }

    // MARK: Of the leader's member, on its poll thread

    /// What it isn't to fetch yet.
    func heldBackFromLeader(_ held: Set<TopicPartition>, at now: ContinuousClock.Instant = .now) -> Set<TopicPartition>
    {
        let (back, isNew) = state.withLock { state -> (Set<TopicPartition>, Bool) in
            let isNew = state.held != held
            state.held = held
            if state.hasBegun { return ([], isNew) }
            let end = state.waitsUntil ?? now + Self.rendezvous
            state.waitsUntil = end
            state.hasBegun = now >= end || state.followers.allSatisfy { $0.held != nil }
            return (state.hasBegun ? [] : held, isNew)
        }
        if isNew { wakeFollowers() }
        return back
    }

    /// Where it starts, and lets those join that wait there.
    ///
    /// - Parameter rows: the stored offsets of all groups, the leader's first.
    func start(_ partitions: [TopicPartition], from rows: [[TopicPartition: Int64]]) -> [TopicPartition: Int64] {
        let starts = state.withLock { state in
            var starts: [TopicPartition: Int64] = [:]
            for partition in partitions {
                let own = rows[0][partition] ?? 0
                var start = own
                for index in state.followers.indices {
                    let follower = state.followers[index]
                    guard follower.held?.contains(partition) ?? false, follower.alone[partition] == nil else {
                        continue
                    }
                    let row = follower.joined[partition] ?? rows[index + 1][partition] ?? 0
                    guard max(row, own) - min(row, own) <= near else { continue }
                    state.followers[index].joined[partition] = row
                    // The member that had it may have ended before it told Kafka.
                    state.followers[index].news.stored[partition] = row
                    start = min(start, row)
                }
                state.own[partition] = own
                state.next[partition] = start
                starts[partition] = start
            }
            return starts
        }
        wakeFollowers()
        return starts
    }

    /// Its partitions don't hold these starts. The followers there see for themselves what that means to them. Returns
    /// where the leader's own work begins.
    func leaderStartsElsewhere(_ partitions: some Collection<TopicPartition>) -> [TopicPartition: Int64] {
        let own = state.withLock { state in
            for index in state.followers.indices
            where partitions.contains(where: { state.followers[index].joined[$0] != nil }) {
                state.followers[index].leave()
            }
            return state.own
        }
        wakeFollowers()
        return own.filter { partitions.contains($0.key) }
    }

    func leaderStarts(at starts: [TopicPartition: Int64]) {
        state.withLock { $0.next.merge(starts) { $1 } }
    }

    // MARK: Of a follower's member, on its poll thread

    /// What it isn't to fetch: what the leader reads for it, and what it will be told of soon.
    func heldBack(
        from follower: Int, _ held: Set<TopicPartition>, at now: ContinuousClock.Instant = .now
    ) -> Set<TopicPartition> {
        let (back, isNew) = state.withLock { state -> (Set<TopicPartition>, Bool) in
            let isNew = state.followers[follower].held != held
            let end = state.followers[follower].waitsUntil ?? now + Self.patience
            state.followers[follower].waitsUntil = end
            state.followers[follower].held = held
            let mine = state.followers[follower]
            state.followers[follower].leaving = []
            let back = held.filter { partition in
                if mine.joined[partition] != nil || mine.leaving.contains(partition) { return true }
                guard mine.alone[partition] == nil, topics.contains(partition.topic), now < end else { return false }
                // The leader's group hasn't told yet, or its member hasn't been told where to start.
                return state.held.map { $0.contains(partition) && state.next[partition] == nil } ?? true
            }
            return (back, isNew)
        }
        if isNew { wake[0]() }
        return back
    }

    /// It reads these itself, from `starts` on.
    func startsAlone(_ follower: Int, from starts: [TopicPartition: Int64]) {
        state.withLock { state in
            // The leader may have begun with one since it was held back last.
            if starts.keys.contains(where: { state.followers[follower].joined[$0] != nil }) {
                state.followers[follower].leave()
            }
            state.followers[follower].alone.merge(starts) { $1 }
        }
    }

    // MARK: Of both

    func revoked(_ partitions: [TopicPartition], from member: Int) {
        state.withLock { state in
            if member == 0 {
                state.held?.subtract(partitions)
                for partition in partitions { state.next[partition] = nil }
            } else {
                state.followers[member - 1].held?.subtract(partitions)
                for partition in partitions { state.followers[member - 1].alone[partition] = nil }
            }
            for index in state.followers.indices where member == 0 || member == index + 1 {
                if partitions.contains(where: { state.followers[index].joined[$0] != nil }) {
                    state.followers[index].leave()
                }
            }
        }
        wakeFollowers()
    }

    /// The member is gone; another may come.
    func ended(_ member: Int) {
        state.update { state in
            if member == 0 {
                state.held = []
                state.next = [:]
                for index in state.followers.indices { state.followers[index].leave() }
            } else {
                state.followers[member - 1].leave()
                state.followers[member - 1].held = []
                state.followers[member - 1].alone = [:]
                state.followers[member - 1].handed = nil
                state.followers[member - 1].isBusy = false
            }
        }
        wakeFollowers()
    }

    /// For tests.
    func joined(_ follower: Int) -> Set<TopicPartition> { state.withLock { Set($0.followers[follower].joined.keys) } }

    private func wakeFollowers() { for wake in wake.dropFirst() { wake() } }
}
