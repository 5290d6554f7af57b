import Kafka
import Postgres
import TestServers
import Testing

@testable import Messaging

/// Batches of records through a handler, on real servers: each message once, in order per key, whatever fails.
@Suite(.servers) struct ConsumerRunnerTests {
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

    /// Between ticks that nobody lives to see: the first records after a quiet time come through, and then full batches.
    @Test func onlyWhatIsNoFullBatchWaitsForTheTick() throws {
        let fixture = try ConsumerFixture()
        fixture.start(tick: .seconds(3_600))
        try fixture.publish("a", "{\"n\":0}")
        try eventually("the first one is there") { try fixture.notes().count == 1 }
        for number in 1..<150 { try fixture.publish("a", "{\"n\":\(number)}") }
        // Whichever batches they came in, what is less than one may wait.
        try eventually("full batches are there") { try fixture.notes().count > 100 }
        let notes = try fixture.notes()
        #expect(notes == (0..<notes.count).map { "{\"n\":\($0)}" })
        // A group that is told to stop doesn't wait for its tick.
        fixture.end()
        fixture.start()
        try eventually("the rest is there") { try fixture.notes().count == 150 }
    }

    /// The ledger, which nobody wants to be kept while the query says true.
    private struct SeldomWanted: BatchHandler {
        let ledger: Ledger
        let unwanted: String
        var types: Set<String> { ledger.types }
        var isIdle: (@Sendable (Connection) throws -> Bool)? {
            { [unwanted] in try $0.query(unwanted).one().get(0, as: Bool.self) }
        }

        func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
            try ledger.handle(messages, on: connection, outbox: &outbox)
        }
    }

    /// What comes while nobody wants anything is passed over, a record that can't be read too; what comes later isn't.
    @Test func aGroupThatNobodyWantsReadsNothing() throws {
        let fixture = try ConsumerFixture()
        let connection = try fixture.connect()
        func number(_ sql: String) throws -> Int { try connection.query(sql).one().get(0) }
        try connection.script("CREATE TABLE unwanted ()")
        fixture.start(
            by: SeldomWanted(ledger: fixture.ledger, unwanted: "SELECT to_regclass('unwanted') IS NOT NULL"))
        func publish(_ number: Int) throws {
            try fixture.publish("a", "{\"n\":\(number)}")
            try fixture.publish(key: Array("a".utf8), value: Array("no JSON".utf8))
        }
        try publish(1)
        try eventually("they are passed over") {
            try number("SELECT coalesce(sum(next_offset), 0)::bigint FROM consumer_offsets") == 2
        }
        #expect(try fixture.notes().isEmpty)
        #expect(try number("SELECT count(*) FROM dead_letters") == 0)
        try connection.script("DROP TABLE unwanted")
        try publish(2)
        try eventually("they aren't") { try number("SELECT count(*) FROM dead_letters") == 1 }
        #expect(try fixture.notes() == ["{\"n\":2}"])
        // Where it can't be told, the batch is seen through.
        fixture.end()
        fixture.start(by: SeldomWanted(ledger: fixture.ledger, unwanted: "SELECT true FROM nowhere"))
        try fixture.publish("b", "{\"n\":3}")
        try eventually("it is noted") { try fixture.notes("b").count == 1 }
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

    /// A hint for lag tools, but one that may not stay wrong: a member that ended before it could tell leaves it to the
    /// next one, which has nothing to do.
    @Test func kafkaIsToldWhereTheGroupStands() throws {
        let fixture = try ConsumerFixture()
        let admin = try Admin(fixture.topic.kafka, logger: quiet)
        func told() throws -> [TopicPartition: Int64] {
            try admin.committedOffsets(of: fixture.group).filter { $0.value > 0 }
        }
        fixture.start()
        for number in 0..<20 { try fixture.publish("k\(number % 5)", "{\"n\":\(number)}") }
        try eventually("all are there") { try fixture.notes().count == 20 }
        let stored = try ConsumerProgress.nextOffsets(of: fixture.group, on: fixture.connect())
        #expect(stored.values.reduce(0, +) == 20)
        try eventually("Kafka knows") { try told() == stored }
        fixture.end()
        let other = try BatchConsumer(
            ConsumerConfiguration(fixture.topic.kafka, group: fixture.group, topics: [fixture.topic.name]),
            listener: TestTopic.FromZero(), logger: quiet)
        let batch = try #require(try other.nextBatch(max: 1, timeout: .seconds(20)))
        other.finish(batch)
        try other.commitSync(stored.mapValues { _ in 0 })
        other.close(timeout: .seconds(5))
        #expect(try told().isEmpty)
        fixture.start()
        try eventually("Kafka knows again") { try told() == stored }
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

    /// A batch of others that is under way, however long it takes, holds no express record up; each lane keeps its order.
    @Test func anExpressRecordWaitsForNoBatchOfOthers() throws {
        let fixture = try ConsumerFixture()
        let lane = try TestTopic()
        fixture.start(express: lane)
        try fixture.publish("slow", #"{"n":"waits"}"#)
        try eventually("a batch is under way") { fixture.ledger.waiting.withLock { $0 } == 1 }
        for number in 0..<40 {
            try fixture.publish("k\(number % 4)", "{\"n\":\(number)}")
            try fixture.publish("e\(number % 4)", "{\"n\":\(number)}", to: lane)
        }
        try eventually("all express ones are there") { try fixture.notes().count == 40 }
        fixture.ledger.release.stop()
        try eventually("the others too") { try fixture.notes().count == 81 }
        for lane in ["e", "k"] {
            for key in 0..<4 {
                #expect(
                    try fixture.notes("\(lane)\(key)")
                        == stride(from: key, to: 40, by: 4).map { "{\"n\":\($0)}" })
            }
        }
        fixture.end()
        let stored = try ConsumerProgress.nextOffsets(of: fixture.group, on: fixture.connect())
        #expect(stored.filter { $0.key.topic == lane.name }.values.reduce(0, +) == 40)
        #expect(stored.filter { $0.key.topic != lane.name }.values.reduce(0, +) == 41)
    }

    /// What the offsets say was done is left out, the rest of the batch is handled.
    @Test func ofABatchThatBeginsTooEarlyTheRestIsHandled() throws {
        let fixture = try ConsumerFixture()
        for number in 0..<10 { try fixture.publish("a", "{\"n\":\(number)}") }
        let (transaction, records) = try fixture.batch(count: 10)
        let connection = try fixture.connect()
        #expect(try transaction.run(records.prefix(4), giveUp: nil, on: connection).handled == 4)
        let result = try transaction.run(records[...], giveUp: nil, on: connection)
        #expect((result.handled, result.repeated) == (6, 4))
        #expect(try fixture.notes() == (0..<10).map { "{\"n\":\($0)}" })
        let next = try #require(records.last).source.offset + 1
        #expect(try ConsumerProgress.nextOffsets(of: fixture.group, on: connection).values.sorted() == [next])
    }

    /// A message that waits behind a dead letter isn't noted as handled.
    @Test func ofABatchWithAParkedKeyTheOthersAreHandled() throws {
        let fixture = try ConsumerFixture()
        for key in ["a", "b", "a", "b"] { try fixture.publish(key, "{\"of\":\"\(key)\"}") }
        let (transaction, records) = try fixture.batch(count: 4)
        let connection = try fixture.connect()
        _ = try connection.execute(
            "INSERT INTO parked_keys (consumer_group, topic, key) VALUES ($1, $2, 'a')",
            [.text(fixture.group), .text(fixture.topic.name)])
        let result = try transaction.run(records[...], giveUp: nil, on: connection)
        #expect((result.handled, result.parked) == (2, 2))
        #expect(try fixture.notes() == Array(repeating: "{\"of\":\"b\"}", count: 2))
        #expect(try connection.query("SELECT 1 FROM inbox").count == 2)
        // Let go, the key's next messages are handled.
        _ = try connection.execute("DELETE FROM parked_keys")
        for key in ["a", "b"] { try fixture.publish(key, "{\"of\":\"\(key)\"}") }
        let (_, more) = try fixture.batch(count: 6)
        #expect(try transaction.run(more[...], giveUp: nil, on: connection).handled == 2)
        #expect(try fixture.notes("a").count == 1)
    }

    /// A consumer that was frozen while its partitions moved on has nothing to commit any more.
    @Test func aZombieCommitsNothing() throws {
        let fixture = try ConsumerFixture()
        for number in 0..<10 { try fixture.publish("a", "{\"n\":\(number)}") }
        // Zombie and successor have the same records in hand, and both believe that the partition is theirs.
        let (first, records) = try fixture.batch(count: 10)
        let (second, _) = try fixture.batch(count: 10)
        let (successor, zombie) = (try fixture.connect(), try fixture.connect())
        #expect(try first.run(records[...], giveUp: nil, on: successor).handled == records.count)
        let late = try second.run(records[...], giveUp: nil, on: zombie)
        #expect(late.handled == 0)
        #expect(late.offsets.isEmpty)
        #expect(try fixture.notes().count == records.count)
    }
}
