import Testing

@testable import Kafka

/// Which looks at its group a member leaves out.
@Suite struct GroupRestTests {
    private static let all = Set((0..<2).map { TopicPartition(topic: "t", partition: $0) })

    private func rest(isDevBroker: Bool = false) -> GroupRest {
        GroupRest(
            ConsumerConfiguration(
                KafkaConfiguration(bootstrapServers: "127.0.0.1:1", isDevBroker: isDevBroker), group: "g",
                topics: ["t"]))
    }

    private func held(_ rebalances: Int = 1) -> HeldPartitions.Summary {
        HeldPartitions.Summary(partitions: Self.all, rebalances: rebalances)
    }

    private func sighting(owned: Set<TopicPartition> = all, state: String = "Stable", missing: [String] = [])
        -> GroupSighting
    {
        GroupSighting(
            group: GroupDescription(
                name: "g", state: state,
                members: [
                    GroupDescription.Member(
                        id: "we-id", instanceID: "we", clientID: "", host: "", partitions: owned.sorted())
                ]),
            partitions: Self.all, missingTopics: missing)
    }

    private func expect(
        _ passesOver: Bool, _ rest: inout GroupRest, rebalances: Int = 1, _ comment: Comment? = nil,
        at location: SourceLocation = #_sourceLocation
    ) {
        let passed = rest.passesOver(held(rebalances))
        #expect(passed == passesOver, comment, sourceLocation: location)
    }

    @Test func ofAWholeGroupEveryFourthLookIsTaken() {
        var rest = rest()
        expect(false, &rest, "it hasn't looked yet")
        rest.looked(held(), seeing: sighting())
        for _ in 1...2 {
            for passesOver in [true, true, true, false] { expect(passesOver, &rest) }
            rest.looked(held(), seeing: sighting())
        }
    }

    @Test func afterARebalanceThereIsALook() {
        var rest = rest()
        rest.looked(held(1), seeing: sighting())
        expect(true, &rest, rebalances: 1)
        expect(false, &rest, rebalances: 2)
    }

    @Test func whatIsNotWholeIsLookedAtEachTime() {
        let sightings: [GroupSighting?] = [
            nil, sighting(owned: []), sighting(state: "PreparingRebalance"), sighting(missing: ["u"]),
        ]
        for seen in sightings {
            var rest = rest()
            rest.looked(held(), seeing: sighting())
            expect(true, &rest)
            rest.looked(held(), seeing: seen)
            expect(false, &rest)
        }
    }

    @Test func onTheDevBrokerNoneIsLeftOut() {
        var rest = rest(isDevBroker: true)
        rest.looked(held(), seeing: sighting())
        expect(false, &rest)
    }
}
