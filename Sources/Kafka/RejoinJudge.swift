import Execution
import Logging

/// Decides by looks at the group when a member has to leave and join anew.
///
/// On Kafka that is where partitions lastingly have no owner and it is this member's turn to have them shared out again
/// (`OwnerlessWatch`); on the dev broker also where the coordinator takes the member to hold something else
/// (`MembershipCheck`).
struct RejoinJudge {
    private let instanceID: String?
    /// What lastingly has no owner, for readiness.
    private let ownerless: Monitor<[TopicPartition]>
    private let logger: Logger
    private var owners = OwnerlessWatch()
    private var check: MembershipCheck?

    /// - Parameter instanceID: nil for a member without a name of its own.
    init(instanceID: String?, isDevBroker: Bool, ownerless: Monitor<[TopicPartition]>, _ logger: Logger) {
        self.instanceID = instanceID
        self.ownerless = ownerless
        self.logger = logger
        check = isDevBroker ? MembershipCheck() : nil
    }

    /// - Parameter rebalances: how many there have been, by now.
    mutating func mustRejoin(after look: GroupWatch.Look, rebalances: Int, memberID: String) -> Bool {
        if let instanceID, check?.isDisowned(by: look, instanceID: instanceID, rebalances: rebalances) ?? false {
            logger.warning("coordinator_disagrees", metadata: ["partitions": "\(Self.list(look.held.partitions))"])
            return true
        }
        let isMyTurn = owners.judge(look.sighting, memberID: memberID)
        note(owners.ownerless)
        if isMyTurn { logger.warning("group_shared_out_anew", metadata: ["member": "\(memberID)"]) }
        return isMyTurn
    }

    private func note(_ after: [TopicPartition]) {
        let before = ownerless.update { ownerless in
            defer { ownerless = after }
            return ownerless
        }
        guard after != before else { return }
        if after.isEmpty {
            logger.notice("partitions_owned_again", metadata: ["partitions": "\(Self.list(before))"])
        } else {
            logger.error("partitions_ownerless", metadata: ["partitions": "\(Self.list(after))"])
        }
    }

    private static func list(_ partitions: some Collection<TopicPartition>) -> String {
        partitions.sorted().map(\.description).joined(separator: " ")
    }
}
