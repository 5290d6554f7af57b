import Randomness
import Testing

@testable import Kafka

/// What members make of what they see of their group, without any broker.
@Suite struct OwnerlessWatchTests {
    private static let partitions = Set((0..<6).map { TopicPartition(topic: "t", partition: $0) })

    private func sighting(_ assigned: [String: [Int32]], state: String = "Stable") -> GroupSighting {
        let members = assigned.map { id, partitions in
            GroupDescription.Member(
                id: id, instanceID: nil, clientID: "", host: "",
                partitions: partitions.map { TopicPartition(topic: "t", partition: $0) })
        }
        return GroupSighting(
            group: GroupDescription(name: "g", state: state, members: members), partitions: Self.partitions)
    }

    @Test(
        arguments: [
            ("Stable", [[0, 1, 2], [3, 4, 5]], []), ("Stable", [[3, 4, 5], []], [0, 1, 2]),
            ("Stable", [[0, 1, 2, 3, 4]], [5]), ("Empty", [], [0, 1, 2, 3, 4, 5]), ("Dead", [], [0, 1, 2, 3, 4, 5]),
            ("PreparingRebalance", [[3]], []), ("CompletingRebalance", [[], []], []), ("Unknown", [[1]], []),
            // Held twice, or of no topic of ours any more: not this question.
            ("Stable", [[0, 1, 2, 3, 4, 5], [0, 1]], []), ("Stable", [[0, 1, 2, 3, 4, 5, 6, 7]], []),
        ] as [(String, [[Int32]], [Int32])])
    func assignmentsTogetherAgainstPartitions(_ state: String, _ held: [[Int32]], _ ownerless: [Int32]) {
        let assigned = Dictionary(uniqueKeysWithValues: held.enumerated().map { ("m\($0)", $1) })
        #expect(sighting(assigned, state: state).ownerless.map(\.partition) == ownerless)
    }

    @Test func aMoveIsNoLoss() {
        var watch = OwnerlessWatch()
        // Between two rebalances, in one sighting and the next, and other partitions after that.
        let moves: [[Int32]] = [[3, 4, 5], [3, 4, 5], [0, 1, 2], [0, 1, 2], [0, 1, 2, 3, 4, 5]]
        for held in moves {
            let acts = watch.judge(sighting(["a": held]), memberID: "a")
            #expect(!acts && watch.ownerless.isEmpty)
        }
    }

    @Test func aRebalanceUnderWaySaysNothing() {
        var watch = OwnerlessWatch()
        let (settled, moving) = (sighting(["a": [3, 4, 5]]), sighting(["a": []], state: "PreparingRebalance"))
        for seen in [settled, settled] + Array(repeating: moving, count: 9) {
            let acts = watch.judge(seen, memberID: "a")
            #expect(!acts)
        }
        let acts = watch.judge(settled, memberID: "a")
        #expect(acts)
        #expect(watch.ownerless.map(\.partition) == [0, 1, 2])
    }

    /// Every member judges by itself; together they take turns, whoever is silent, and less and less often.
    @Test func oneMemberActsAtATime() {
        var random = SeededGenerator.fromEnvironment()
        for _ in 1...20 {
            let count = Int.random(in: 1...6, using: &random)
            let hole = Int32.random(in: 0..<6, using: &random)
            var assigned = Dictionary(uniqueKeysWithValues: (0..<count).map { ("m\($0)", [Int32]()) })
            for partition in Int32(0)..<6 where partition != hole {
                assigned["m\(Int.random(in: 0..<count, using: &random))"]?.append(partition)
            }
            let seen = sighting(assigned)
            var watches = Dictionary(uniqueKeysWithValues: assigned.keys.map { ($0, OwnerlessWatch()) })
            var acts: [(at: Int, who: String)] = []
            var most = 0
            for time in 1...1_500 {
                let acting = watches.keys.filter { watches[$0]?.judge(seen, memberID: $0) == true }
                most = max(most, acting.count)
                acts += acting.map { (time, $0) }
            }
            #expect(most == 1 && acts.first?.at == OwnerlessWatch.confirmation)
            // Whoever loses least by it begins, and all get their turn.
            #expect(assigned[acts[0].who]?.count == assigned.values.map(\.count).min())
            #expect(Set(acts.prefix(count).map(\.who)) == Set(assigned.keys))
            let pauses = zip(acts, acts.dropFirst()).map { $1.at - $0.at }
            #expect(pauses == pauses.sorted() && pauses.last == OwnerlessWatch.patience.longest)
            #expect(watches.values.allSatisfy { $0.ownerless.map(\.partition) == [hole] })
            for id in assigned.keys {
                assigned[id]?.append(hole)
                let acts = watches[id]?.judge(sighting(assigned), memberID: id)
                #expect(acts == false && watches[id]?.ownerless == [])
            }
        }
    }
}
