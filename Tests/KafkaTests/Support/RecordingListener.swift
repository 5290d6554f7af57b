import Execution
import Kafka

/// Answers where partitions start, and notes what happens to them.
final class RecordingListener: RebalanceListener {
    enum Event: Hashable, Sendable {
        case assigned([TopicPartition])
        case revoked([TopicPartition], lost: Bool)
    }

    struct Refusal: Error {}

    struct State: Sendable {
        var events: [Event] = []
        var owned: Set<TopicPartition> = []
        var starts: [TopicPartition: Int64] = [:]
        /// How many times it doesn't know yet.
        var refusals = 0
    }

    private let state: Monitor<State>
    private let onRevoke: @Sendable () -> Void
    private let offsets: GroupOffsets?

    /// - Parameter offsets: the group's truth about its offsets, over `starts`.
    init(
        starts: [TopicPartition: Int64] = [:], offsets: GroupOffsets? = nil, refusals: Int = 0,
        onRevoke: @escaping @Sendable () -> Void = {}
    ) {
        self.offsets = offsets
        var initial = State()
        initial.starts = starts
        initial.refusals = refusals
        state = Monitor(initial)
        self.onRevoke = onRevoke
    }

    var now: State { state.withLock { $0 } }

    func partitionsAssigned(_ partitions: [TopicPartition]) throws -> [TopicPartition: Int64] {
        try state.update { state in
            state.events.append(.assigned(partitions))
            state.owned.formUnion(partitions)
            guard state.refusals == 0 else {
                state.refusals -= 1
                throw Refusal()
            }
            if let offsets { return offsets.load(partitions) }
            return state.starts.filter { partitions.contains($0.key) }
        }
    }

    func partitionsRevoked(_ partitions: [TopicPartition], lost: Bool) {
        state.update { state in
            state.events.append(.revoked(partitions, lost: lost))
            state.owned.subtract(partitions)
        }
        onRevoke()
    }
}

/// A group's offsets as its database would have them: Kafka's own get lost in rebalances.
final class GroupOffsets: Sendable {
    private let next = Monitor<[TopicPartition: Int64]>([:])

    func load(_ partitions: [TopicPartition]) -> [TopicPartition: Int64] {
        next.withLock { next in
            Dictionary(uniqueKeysWithValues: partitions.map { ($0, next[$0] ?? 0) })
        }
    }

    func store(_ offsets: [TopicPartition: Int64]) { next.withLock { $0.merge(offsets) { max($0, $1) } } }
}
