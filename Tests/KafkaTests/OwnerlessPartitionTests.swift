import Execution
import Kafka
import TestServers
import Testing

/// Groups whose coordinator has an assignment that leaves partitions out: members, broker and protocol are real, and
/// what the leader decides is cut on its way.
@Suite(.blocking, .servers) struct OwnerlessPartitionTests {
    /// Static and not, alone and not: all at once, since what they do most is to wait for looks at their group.
    @Test func partitionsThatNobodyHasAreSharedOutAgain() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try shareOutAgain(among: 1, isNamed: true) }
            group.addTask { try shareOutAgain(among: 2, isNamed: true) }
            group.addTask { try shareOutAgain(among: 3, isNamed: false) }
            try await group.waitForAll()
        }
    }

    private func shareOutAgain(among count: Int, isNamed: Bool) throws {
        let missing = Monitor<Set<Int32>>([0, 1, 2])
        let proxy = try BrokerProxy(to: KafkaBroker.shared.get()) { request in
            let missing = missing.withLock { $0 }
            guard request.api == GroupRequests.syncGroup, !missing.isEmpty else { return .pass }
            return .change(GroupRequests.assigning(request, without: missing))
        }
        defer { proxy.close() }
        let topic = try TestTopic(partitions: 6).through(proxy)
        let members = try (1...count).map { number in
            try TestMember(topic) {
                $0.watchInterval = .milliseconds(300)
                if isNamed { $0.kafka.instanceID = "member-\(number)" }
            }
        }
        defer { for member in members { member.close() } }
        try eventually(within: .seconds(60), "all see that 0 to 2 belong to nobody") {
            members.allSatisfy { $0.consumer.ownerless.map(\.partition) == [0, 1, 2] }
        }
        #expect(members.allSatisfy { $0.listener.now.owned.allSatisfy { $0.partition > 2 } })
        missing.update { $0 = [] }
        try eventually(within: .seconds(60), "each partition has one owner") {
            members.flatMap { $0.listener.now.owned.map(\.partition) }.sorted() == Array(0..<6)
                && members.allSatisfy { $0.consumer.ownerless.isEmpty }
        }
    }

    @Test func partitionsThatATopicGetsLaterFindAnOwner() throws {
        let topic = try TestTopic(partitions: 2)
        let member = try TestMember(topic) {
            $0.watchInterval = .milliseconds(300)
            // It's not librdkafka's own look at the topics that finds them.
            $0.kafka.properties = ["topic.metadata.refresh.interval.ms": "600000"]
        }
        defer { member.close() }
        try eventually(within: .seconds(60), "both are assigned") { member.listener.now.owned.count == 2 }
        try topic.grow(to: 5)
        try eventually(within: .seconds(60), "all five are assigned") { member.listener.now.owned.count == 5 }
    }

    @Test func aGroupThatMayNotBeLookedAtWorksAllTheSame() throws {
        let group = Monitor("")
        let proxy = try BrokerProxy(to: KafkaBroker.shared.get()) { request in
            guard request.api == GroupRequests.describeGroups else { return .pass }
            return .answer(GroupRequests.descriptionRefused(request, group: group.withLock { $0 }))
        }
        defer { proxy.close() }
        let topic = try TestTopic(partitions: 2).through(proxy)
        group.update { $0 = "\(topic.name)-group" }
        try topic.fill(20, keys: 5)
        let member = try TestMember(topic) { $0.watchInterval = .milliseconds(50) }
        defer { member.close() }
        try member.read(until: 20)
        try eventually("it was refused some times") { proxy.count(of: GroupRequests.describeGroups) > 3 }
        #expect(member.consumer.group == nil && member.consumer.ownerless.isEmpty)
        #expect(member.listener.now.owned.count == 2)
    }

    @Test func aMissingTopicIsNamedAndNotMade() throws {
        let topic = try TestTopic()
        let member = try TestMember(topic) {
            $0.watchInterval = .milliseconds(100)
            $0.topics.append("\(topic.name)-nowhere")
        }
        defer { member.close() }
        try eventually(within: .seconds(60), "the topic is missed") {
            member.consumer.group?.missingTopics == ["\(topic.name)-nowhere"]
        }
        #expect(try Admin(topic.kafka, logger: quiet).topics(named: "\(topic.name)-nowhere").isEmpty)
    }
}
