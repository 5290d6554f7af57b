import Execution
import Testing

@testable import Kafka

/// When a member leaves and joins anew, on Kafka and on the dev broker.
@Suite struct RejoinJudgeTests {
    private static let all = Set((0..<4).map { TopicPartition(topic: "t", partition: $0) })

    /// A look at a group of one other member, and ourselves as the coordinator has us.
    private func look(
        told: [Int32], holding: [Int32], others: [Int32] = [], rebalances: Int = 1, state: String = "Stable"
    ) -> GroupWatch.Look {
        func member(_ name: String, _ partitions: [Int32]) -> GroupDescription.Member {
            GroupDescription.Member(
                id: "\(name)-id", instanceID: name, clientID: "", host: "",
                partitions: partitions.map { TopicPartition(topic: "t", partition: $0) })
        }
        return GroupWatch.Look(
            sighting: GroupSighting(
                group: GroupDescription(name: "g", state: state, members: [member("we", told), member("b", others)]),
                partitions: Self.all),
            held: HeldPartitions.Summary(
                partitions: Set(holding.map { TopicPartition(topic: "t", partition: $0) }), rebalances: rebalances))
    }

    private func judge(_ instanceID: String? = "we", isDevBroker: Bool) -> (RejoinJudge, Monitor<[TopicPartition]>) {
        let ownerless = Monitor<[TopicPartition]>([])
        return (RejoinJudge(instanceID: instanceID, isDevBroker: isDevBroker, ownerless: ownerless, quiet), ownerless)
    }

    /// The coordinator takes us to hold what we don't: that is looked at for the dev broker alone.
    @Test(arguments: [(true, "we", true), (false, "we", false), (true, nil, false)] as [(Bool, String?, Bool)])
    func aCoordinatorThatDisagreesCountsOnTheDevBrokerAlone(_ isDevBroker: Bool, _ name: String?, _ rejoins: Bool) {
        var (judge, _) = judge(name, isDevBroker: isDevBroker)
        let look = look(told: [0, 1], holding: [0], others: [2, 3])
        let verdicts = (0..<6).map { _ in judge.mustRejoin(after: look, rebalances: 1, memberID: "we-id") }
        #expect(verdicts == (rejoins ? [false, true, false, true, false, true] : Array(repeating: false, count: 6)))
    }

    @Test func aDifferenceThatPassesIsARebalance() {
        var (judge, _) = judge(isDevBroker: true)
        let differs = look(told: [0, 1], holding: [0], others: [2, 3])
        let looks = [
            differs, look(told: [0, 1], holding: [0, 1], others: [2, 3]), differs,
            look(told: [0, 1], holding: [0], others: [2, 3], state: "PreparingRebalance"), differs,
            // From before the last rebalance: it says nothing.
            look(told: [0, 1], holding: [0], others: [2, 3], rebalances: 0), differs,
        ]
        let verdicts = looks.map { judge.mustRejoin(after: $0, rebalances: 1, memberID: "we-id") }
        #expect(!verdicts.contains(true))
    }

    /// The watch over partitions without an owner is for every broker.
    @Test(arguments: [true, false])
    func partitionsWithoutAnOwnerCountEverywhere(_ isDevBroker: Bool) {
        var (judge, ownerless) = judge(isDevBroker: isDevBroker)
        let look = look(told: [0], holding: [0], others: [1, 2])
        let verdicts = (0..<3).map { _ in judge.mustRejoin(after: look, rebalances: 1, memberID: "we-id") }
        #expect(verdicts == [false, false, true])
        #expect(ownerless.withLock { $0 } == [TopicPartition(topic: "t", partition: 3)])
        _ = judge.mustRejoin(
            after: self.look(told: [0, 3], holding: [0, 3], others: [1, 2]), rebalances: 1, memberID: "we-id")
        #expect(ownerless.withLock { $0 } == [])
    }

    @Test func aMoveWaitsOnTheDevBrokerAlone() {
        #expect(Rebalancing.handover(KafkaConfiguration(bootstrapServers: "b:1")) == nil)
        #expect(
            Rebalancing.handover(KafkaConfiguration(bootstrapServers: "b:1", isDevBroker: true)) == .milliseconds(250))
    }
}
