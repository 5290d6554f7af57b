/// A consumer group as its coordinator has it, beside the partitions of its topics, at one moment.
public struct GroupSighting: Hashable, Sendable {
    public var group: GroupDescription
    /// All partitions of the topics that the group reads.
    public var partitions: Set<TopicPartition>
    /// Topics that it reads and the cluster doesn't have.
    public var missingTopics: [String]

    public init(group: GroupDescription, partitions: Set<TopicPartition>, missingTopics: [String] = []) {
        self.group = group
        self.partitions = partitions
        self.missingTopics = missingTopics
    }

    /// Partitions that no member holds, sorted. None while the group is moving: then it isn't known.
    public var ownerless: [TopicPartition] { group.ownerless(of: partitions) }
}

extension GroupDescription {
    /// Those of `partitions` that no member holds, sorted: the members' assignments together against them. Empty while
    /// the group shares partitions out, when its coordinator doesn't know yet; all of them where it has no members.
    ///
    /// A coordinator hands on what the group's leader has decided (KIP-429) and never looks whether that covers the
    /// topics. Between the two rebalances of a cooperative move it doesn't; a coordinator that comes back there, with
    /// static members who rejoin under their names (KIP-345), leaves it at that, for good.
    public func ownerless(of partitions: Set<TopicPartition>) -> [TopicPartition] {
        guard !isMoving else { return [] }
        return partitions.subtracting(members.lazy.flatMap(\.partitions)).sorted()
    }

    /// A rebalance is going on, or the coordinator doesn't say.
    public var isMoving: Bool { !["Stable", "Empty", "Dead"].contains(state) }
}

/// Judges sightings of a group: which partitions belong to nobody for longer than a move takes, and whose turn it is to
/// have the group share them out again.
///
/// Every member judges by itself, and all come to one order of turns, so that one of them leaves and rejoins and the
/// others don't. The one with the fewest partitions is first, since what it holds moves; where nothing comes of it (it
/// is frozen, or no program of ours) the next one's turn comes, and everyone waits longer each time, lest a group that
/// can't be mended (members that subscribe to something else) be kept moving.
struct OwnerlessWatch {
    /// Sightings in a row that show a partition without an owner, before it counts.
    static let confirmation = 3
    /// Sightings from one member's turn to the next one's, at first and at most.
    static let patience = (first: 3, longest: 60)

    /// What has no owner, lastingly.
    private(set) var ownerless: [TopicPartition] = []
    private var suspects: Set<TopicPartition> = []
    private var sightings = 0
    private var due = confirmation
    private var turn = 0
    private var patience = Self.patience.first

    /// Takes a sighting in. True when this member has to rejoin.
    mutating func judge(_ sighting: GroupSighting, memberID: String) -> Bool {
        if sighting.group.isMoving { return false }
        let now = Set(sighting.ownerless)
        // What comes and goes is a move.
        suspects = sightings == 0 ? now : suspects.intersection(now)
        guard !suspects.isEmpty else {
            self = OwnerlessWatch()
            suspects = now
            sightings = now.isEmpty ? 0 : 1
            return false
        }
        sightings += 1
        guard sightings >= Self.confirmation else { return false }
        ownerless = suspects.sorted()
        guard sightings >= due else { return false }
        let order = Self.turns(sighting.group)
        defer {
            turn += 1
            due = sightings + patience
            if !order.isEmpty, turn.isMultiple(of: order.count) {
                patience = min(2 * patience, Self.patience.longest)
            }
        }
        return !order.isEmpty && order[turn % order.count] == memberID
    }

    private static func turns(_ group: GroupDescription) -> [String] {
        group.members.sorted { ($0.partitions.count, $0.id) < ($1.partitions.count, $1.id) }.map(\.id)
    }
}
