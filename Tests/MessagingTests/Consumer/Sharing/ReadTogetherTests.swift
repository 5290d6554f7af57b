import Kafka
import Postgres
import Randomness
import TestServers
import Testing

@testable import Messaging

/// Groups of one process that read together, on real servers.
@Suite(.servers) struct ReadTogetherTests {
    @Test func aRecordIsFetchedAndReadOnceAndHandledInOneTransaction() throws {
        let fixture = try ReadTogetherFixture()
        fixture.start()
        try fixture.awaitJoined()
        for number in 0..<60 { try fixture.consumers.publish("k\(number % 7)", "{}", id: "id-\(number)") }
        try eventually("all of them have all") { try (0..<3).allSatisfy { try fixture.notes($0).count == 60 } }
        #expect(fixture.readings.withLock { $0 } == 60)
        let transactions = try (0..<3).map { index in
            Dictionary(
                try fixture.notes(index).map { ($0.id, $0.transaction) }, uniquingKeysWith: { first, _ in first })
        }
        #expect(transactions[0] == transactions[1] && transactions[0] == transactions[2])
        try eventually("the statistics say so") { fixture.fetched(0) == 60 }
        try eventually("and those of the others") { (1...2).allSatisfy { fixture.fetched($0) == 0 } }
        // Each group's own offsets, in the database and at the brokers.
        let admin = try Admin(fixture.consumers.topic.kafka, logger: quiet)
        for index in 0..<3 {
            let stored = try ConsumerProgress.nextOffsets(of: fixture.group(index), on: fixture.consumers.connect())
            #expect(stored.values.reduce(0, +) == 60)
            try eventually("Kafka knows where group \(index) stands") {
                try admin.committedOffsets(of: fixture.group(index)).filter { $0.value > 0 } == stored
            }
        }
    }

    /// By what the door refuses for those who react to it, and by what one group's handler doesn't take.
    @Test func aPoisonRecordIsTheLetterOfThoseWhoReactToIt() throws {
        let fixture = try ReadTogetherFixture([["Noted"], ["Noted", "Other"], ["Noted"]])
        fixture.ledgers[2].rejects.withLock { $0 = ["bad"] }
        fixture.start()
        try fixture.awaitJoined()
        try fixture.consumers.publish("a", "{}", id: "before")
        try fixture.consumers.publish("a", "{}", id: "bad")
        try fixture.consumers.publish("b", "1", id: "no object", type: "Other")
        try fixture.consumers.publish("a", "{}", id: "after")
        try fixture.consumers.publish("b", "{}", id: "last")
        func letters(_ index: Int) throws -> [String] {
            try DeadLetterQueue.list(
                .init(group: fixture.group(index), includesParked: true), on: fixture.consumers.connect()
            ).map { "\($0.key) \($0.status)" }.sorted()
        }
        try eventually("each is through") {
            try fixture.notes(0).count == 4 && letters(1).count == 2 && letters(2).count == 2
        }
        #expect(try letters(0) == [])
        #expect(try letters(1) == ["b dead", "b parked"])
        #expect(try letters(2) == ["a dead", "a parked"])
        #expect(try fixture.notes(0).filter { $0.key == "a" }.map(\.id) == ["before", "bad", "after"])
        #expect(try fixture.notes(1).map(\.id) == ["before", "bad", "after"])
        try eventually("the rest of the third") { try Set(fixture.notes(2).map(\.id)) == ["before", "last"] }
        // And on together.
        try fixture.awaitJoined()
        try fixture.consumers.publish("c", "{}", id: "more")
        try eventually("all go on") { try (0..<3).allSatisfy { try fixture.notes($0).last?.id == "more" } }
    }

    @Test func oneThatBeginsAgainHoldsUpNobody() throws {
        let fixture = try ReadTogetherFixture()
        for number in 0..<60 { try fixture.consumers.publish("k\(number % 7)", "{}", id: "id-\(number)") }
        fixture.start(near: 5)
        try eventually("all of them have all") { try (0..<3).allSatisfy { try fixture.notes($0).count == 60 } }
        fixture.end()
        let connection = try fixture.consumers.connect()
        _ = try connection.execute(
            "UPDATE consumer_offsets SET next_offset = 0 WHERE consumer_group = $1", [.text(fixture.group(2))])
        _ = try connection.execute("DELETE FROM inbox WHERE consumer_group = $1", [.text(fixture.group(2))])
        fixture.ledgers[2].isShut.withLock { $0 = true }
        fixture.start(near: 5)
        try eventually("the second is with the first") { fixture.joined(1) == 3 }
        try fixture.consumers.publish("k1", "{}", id: "fresh")
        try eventually("the others have what is new") {
            try (0..<2).allSatisfy { try fixture.notes($0).last?.id == "fresh" }
        }
        #expect(try fixture.notes(2).count == 60)
        fixture.ledgers[2].isShut.update { $0 = false }
        try eventually("it has all once more") { try fixture.notes(2).count == 121 }
        try fixture.awaitJoined()
        #expect(try fixture.notes(0).count == 61 && fixture.notes(1).count == 61)
    }

    /// Whatever comes between, each group handles what it reacts to once, in the order of its keys: as groups do that read
    /// alone. Without inboxes, so that nothing hides what is handled twice.
    @Test func togetherOrNotTheTablesAreTheSame() throws {
        var random = SeededGenerator.fromEnvironment()
        let fixture = try ReadTogetherFixture([["A", "B"], ["B", "C"], ["A", "C"]])
        var published: [(key: String, id: String, type: String)] = []
        var refusable = ["k0", "k1"]
        for round in 0..<4 {
            let before = try fixture.notes(0).count
            if round == 1 {
                // As an earlier version leaves them: each somewhere else.
                fixture.start(usesInbox: false, isTogether: false)
            } else if round > 1 {
                fixture.start(near: Int64.random(in: 0...60, using: &random), usesInbox: false)
            }
            for _ in 0..<Int.random(in: 40...100, using: &random) {
                let key = "k\(Int.random(in: 0..<9, using: &random))"
                let id = "id-\(published.count)"
                if Int.random(in: 0..<15, using: &random) == 0, let index = refusable.firstIndex(of: key) {
                    // Some group's handler doesn't take it; what follows of the key waits behind it there.
                    refusable.remove(at: index)
                    for ledger in fixture.ledgers where Bool.random(using: &random) {
                        ledger.rejects.withLock { _ = $0.insert(id) }
                    }
                }
                let type = ["A", "B", "C"].randomElement(using: &random) ?? "A"
                try fixture.consumers.publish(key, "{}", id: id, type: type)
                published.append((key, id, type))
            }
            guard round > 0, round < 3 else { continue }
            try eventually("round \(round) is under way") { try fixture.notes(0).count > before }
            fixture.end()
        }
        for (index, ledger) in fixture.ledgers.enumerated() {
            let rejects = ledger.rejects.withLock { $0 }
            var parked: Set<String> = []
            var expected: [String: [String]] = [:]
            for record in published where ledger.types.contains(record.type) {
                if rejects.contains(record.id) { parked.insert(record.key) }
                if !parked.contains(record.key) { expected[record.key, default: []].append(record.id) }
            }
            try eventually("the offsets of group \(index) are at the end") {
                try ConsumerProgress.nextOffsets(of: fixture.group(index), on: fixture.consumers.connect())
                    .values.reduce(0, +) == Int64(published.count)
            }
            let found = Dictionary(grouping: try fixture.notes(index), by: \.key).mapValues { $0.map(\.id) }
            #expect(found == expected)
        }
    }
}
