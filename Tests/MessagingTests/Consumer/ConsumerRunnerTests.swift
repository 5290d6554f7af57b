import Kafka
import TestServers
import Testing

@testable import Messaging

/// Batches of records through a handler, on real servers: each message once, in order per key, whatever fails.
@Suite struct ConsumerRunnerTests {
    @Test func aSecondRecordOfAnEventChangesNothing() throws {
        let fixture = try ConsumerFixture()
        fixture.start()
        for number in 0..<30 { try fixture.publish("k\(number % 3)", "{\"n\":\(number)}", id: "id-\(number)") }
        for number in 0..<30 { try fixture.publish("k\(number % 3)", "{\"n\":\(number)}", id: "id-\(number)") }
        try fixture.publish("end", "{\"n\":99}", id: "last")
        try eventually("all are there") { try fixture.notes().count == 31 }
        for key in 0..<3 {
            let expected = stride(from: key, to: 30, by: 3).map { "{\"n\":\($0)}" }
            #expect(try fixture.notes("k\(key)") == expected)
        }
    }

    /// PostgreSQL's offsets are the truth, whatever Kafka remembers.
    @Test func aRestartGoesOnWhereTheEffectsEnd() throws {
        let fixture = try ConsumerFixture()
        fixture.start()
        for number in 0..<20 { try fixture.publish("a", "{\"n\":\(number)}") }
        try eventually("the first half is there") { try fixture.notes().count == 20 }
        fixture.end()
        for number in 20..<40 { try fixture.publish("a", "{\"n\":\(number)}") }
        fixture.start()
        try eventually("the rest is there") { try fixture.notes().count == 40 }
        #expect(try fixture.notes() == (0..<40).map { "{\"n\":\($0)}" })
    }

    /// The coordinator takes one member's place for another's: the group's work goes on, by a member of its own.
    @Test func aFencedMemberJoinsAnew() throws {
        let fixture = try ConsumerFixture()
        let runner = fixture.start(instance: "twin")
        try fixture.publish("a", "{\"n\":1}")
        try eventually("it consumes") { try fixture.notes().count == 1 }
        let twin = try BatchConsumer(
            ConsumerConfiguration(
                fixture.topic.kafka(instance: "twin"), group: fixture.group, topics: [fixture.topic.name]),
            listener: TestTopic.FromZero(), logger: quiet)
        try eventually(within: .seconds(60), "it is fenced") {
            runner.currentStatus.problem?.contains("FENCED") == true
        }
        twin.close(timeout: .seconds(5))
        try fixture.publish("a", "{\"n\":2}")
        try eventually(within: .seconds(60), "it consumes again") { try fixture.notes().count == 2 }
        #expect(try fixture.notes() == ["{\"n\":1}", "{\"n\":2}"])
    }

    /// A consumer that was frozen while its partitions moved on has nothing to commit any more.
    @Test func aZombieCommitsNothing() throws {
        let fixture = try ConsumerFixture()
        for number in 0..<10 { try fixture.publish("a", "{\"n\":\(number)}") }
        // Zombie and successor have the same records in hand, and both believe that the partition is theirs.
        let reader = try TestTopic.Reader(fixture.topic)
        defer { reader.close() }
        let batch = try reader.next()
        let records = batch.map { ConsumedRecord($0, types: ["Noted"], ignoring: nil) }
        var configuration = ConsumerRunner.Configuration(group: fixture.group, topics: [fixture.topic.name])
        configuration.usesInbox = false
        let runners = (0..<2).map { _ in
            ConsumerRunner(
                configuration, handler: fixture.ledger, kafka: fixture.topic.kafka, database: fixture.database,
                logger: quiet)
        }
        let (successor, zombie) = (try fixture.connect(), try fixture.connect())
        let first = try runners[0].apply(records[...], giveUp: nil, on: successor)
        #expect(first.handled == records.count)
        let second = try runners[1].apply(records[...], giveUp: nil, on: zombie)
        #expect(second.handled == 0)
        #expect(second.offsets.isEmpty)
        #expect(try fixture.notes().count == records.count)
    }
}
