import Execution
import Kafka
import Randomness
import TestServers
import Testing

/// A member that is told to stop at any moment of its start. librdkafka ends the whole process where that goes wrong.
@Suite(.blocking, .servers) struct StartStopTests {
    /// Alone in its group, or one of several that join and leave all the time, so that it waits for others too.
    @Test func aMemberStopsAtAnyMomentOfItsStart() throws {
        let topic = try TestTopic(partitions: 3)
        startAndStop(topic, groups: ["\(topic.name)-a", "\(topic.name)-b"], each: 6, within: 600)
    }

    @Test func alsoWhereTheBrokersAnswerLate() throws {
        let proxy = try BrokerProxy(to: KafkaBroker.shared.get()) { request in
            // What is between being let into the group and being told what to hold.
            if [GroupRequests.metadata, GroupRequests.syncGroup].contains(request.api) {
                StopSignal().wait(for: .milliseconds(100))
            }
            return .pass
        }
        defer { proxy.close() }
        let topic = try TestTopic(partitions: 3).through(proxy)
        startAndStop(topic, groups: ["\(topic.name)-a"], each: 4, within: 1_000)
    }

    /// The moment itself, for sure: let into the group, and never told what to hold.
    @Test func alsoWhereTheyNeverAnswer() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try stopUnanswered(named: nil) }
            group.addTask { try stopUnanswered(named: "one") }
            try await group.waitForAll()
        }
    }

    private func stopUnanswered(named name: String?) throws {
        let proxy = try BrokerProxy(to: KafkaBroker.shared.get()) { request in
            request.api == GroupRequests.syncGroup ? .cut : .pass
        }
        defer { proxy.close() }
        let topic = try TestTopic(partitions: 3).through(proxy)
        let member = try TestMember(topic) { $0.kafka.instanceID = name }
        try eventually("it asks what to hold") { proxy.count(of: GroupRequests.syncGroup) > 0 }
        member.close()
        #expect(!member.consumer.isAssigned)
    }

    /// Two members of each group at a time, one of them with a name.
    private func startAndStop(_ topic: TestTopic, groups: [String], each count: Int, within milliseconds: Int) {
        var random = SeededGenerator.fromEnvironment()
        let threads = groups.flatMap { group in
            ["", "one"].map { name in
                let moments = (0..<count).map { _ in Int.random(in: 0...milliseconds, using: &random) }
                return DedicatedThread.start("starter") {
                    for moment in moments {
                        let member = try? TestMember(topic, group: group) {
                            $0.kafka.instanceID = name.isEmpty ? nil : name
                        }
                        StopSignal().wait(for: .milliseconds(moment))
                        member?.close()
                    }
                }
            }
        }
        for thread in threads { #expect(thread.join(timeout: .seconds(120))) }
    }
}
