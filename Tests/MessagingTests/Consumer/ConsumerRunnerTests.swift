import Execution
import Foundation
import Kafka
import Logging
import Postgres
import TestServers
import Testing

@testable import Messaging

/// Batches of records through a handler, on real servers: each message once, in order per key, whatever fails.
@Suite struct ConsumerRunnerTests {
    /// Writes down what it handles; fails for payloads that say so.
    private struct Ledger: BatchHandler {
        let types: Set<String> = ["Noted"]
        let isHealed = Monitor(false)

        func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
            for message in messages {
                let text = String(decoding: message.payload, as: UTF8.self)
                if text.contains("\"fails\""), !isHealed.withLock({ $0 }) { throw Broken() }
                if text.contains("\"rejected\""), !isHealed.withLock({ $0 }) { throw MessageRejected("it says so") }
                _ = try connection.execute(
                    "INSERT INTO notes (key, id, payload) VALUES ($1, $2, $3)",
                    [.text(message.key), .text(message.id), .text(text)])
            }
        }

        struct Broken: Error {}
    }

    private final class Fixture {
        let database: PostgresConfiguration
        let topic: TestTopic
        let producer: Producer
        let ledger = Ledger()
        let group = "group-\(UUID())"
        private var stops: [(StopSignal, DedicatedThread)] = []

        init() throws {
            database = try PostgresConfiguration(try PostgresServer.shared.get().createDatabase())
            topic = try TestTopic()
            producer = try Producer(ProducerConfiguration(topic.kafka), logger: quiet)
            try connect().script(
                MessagingSchema.outbox + MessagingSchema.consumer + MessagingSchema.deadLetterDecisions
                    + "CREATE TABLE notes (n bigint GENERATED ALWAYS AS IDENTITY, key text, id text, payload text)")
        }

        deinit { end() }

        func connect() throws -> Connection { try Connection(database, logger: quiet) }

        @discardableResult
        func start(instance: String? = nil) -> ConsumerRunner {
            var configuration = ConsumerRunner.Configuration(group: group, topics: [topic.name])
            configuration.attempts = 3
            configuration.retryBase = .milliseconds(1)
            configuration.batchSize = 50
            let runner = ConsumerRunner(
                configuration, handler: ledger, kafka: topic.kafka(instance: instance), database: database,
                logger: quiet)
            let stop = StopSignal()
            stops.append((stop, DedicatedThread.start("runner") { try? runner.run(until: stop) }))
            return runner
        }

        func end() {
            for (stop, _) in stops { stop.stop() }
            for (_, thread) in stops { thread.join(timeout: .seconds(15)) }
            stops = []
        }

        func publish(_ key: String, _ payload: String, id: String? = nil, type: String = "Noted") throws {
            let value = #"{"type":"\#(type)","version":1,"payload":\#(payload)}"#
            let results = try producer.publish(
                [
                    OutgoingMessage(
                        topic: topic.name, key: Array(key.utf8), value: Array(value.utf8),
                        headers: id.map { [KafkaHeader("ce_id", Array($0.utf8))] } ?? [])
                ], timeout: .seconds(20))
            for result in results { _ = try result.get() }
        }

        func notes(_ key: String? = nil) throws -> [String] {
            try connect().query(
                "SELECT payload FROM notes WHERE $1::text IS NULL OR key = $1 ORDER BY n",
                [key.map { .text($0) } ?? .null]
            ).map { try $0.get(0, as: String.self) }
        }
    }

    @Test func aSecondRecordOfAnEventChangesNothing() throws {
        let fixture = try Fixture()
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
        let fixture = try Fixture()
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
        let fixture = try Fixture()
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

    @Test func aDeadLetterParksItsKeyAlone() throws {
        let fixture = try Fixture()
        fixture.start()
        try fixture.publish("bad", "{\"n\":1}")
        try fixture.publish("bad", "{\"fails\":true}")
        try fixture.publish("bad", "{\"n\":2}")
        try fixture.publish("bad", "{\"n\":3}")
        try fixture.publish("good", "{\"n\":4}")
        try eventually("the other key flows on") { try fixture.notes("good").count == 1 }
        let connection = try fixture.connect()
        try eventually("the rest of the key is parked") {
            try DeadLetterQueue.list(.init(group: fixture.group, includesParked: true), on: connection).count == 3
        }
        #expect(try fixture.notes("bad") == ["{\"n\":1}"])
        let letter = try #require(try DeadLetterQueue.list(.init(group: fixture.group), on: connection).first)
        #expect(letter.key == "bad")
        #expect(letter.attempts == 3)
        #expect(letter.error.contains("Broken"))
        #expect(letter.parkedBehind == 2)

        // Retried in vain: dead again, still in front.
        try DeadLetterQueue.retry(letter.id, .init(by: "mo", note: "in a test"), on: connection)
        try eventually("it is dead again") {
            try DeadLetterQueue.show(letter.id, on: connection).status == "dead"
        }
        fixture.ledger.isHealed.update { $0 = true }
        try DeadLetterQueue.retry(letter.id, .init(by: "mo", note: "in a test"), on: connection)
        try eventually("the key is through") { try fixture.notes("bad").count == 4 }
        #expect(try fixture.notes("bad") == ["{\"n\":1}", "{\"fails\":true}", "{\"n\":2}", "{\"n\":3}"])
        try fixture.publish("bad", "{\"n\":5}")
        try eventually("and flows again") { try fixture.notes("bad").count == 5 }
    }

    @Test func aDiscardedLetterReleasesItsKey() throws {
        let fixture = try Fixture()
        fixture.start()
        try fixture.publish("bad", "{\"rejected\":true}")
        try fixture.publish("bad", "{\"n\":2}")
        let connection = try fixture.connect()
        try eventually("one is dead, one parked") {
            try DeadLetterQueue.list(.init(group: fixture.group, includesParked: true), on: connection).count == 2
        }
        let letter = try #require(try DeadLetterQueue.list(.init(group: fixture.group), on: connection).first)
        #expect(letter.attempts == 1, "what says that it can never be handled isn't tried again")
        #expect(letter.error == "it says so")
        try DeadLetterQueue.discard(letter.id, .init(by: "mo", note: "in a test"), on: connection)
        try eventually("the key flows on") { try fixture.notes("bad") == ["{\"n\":2}"] }
    }

    /// A relay that fell before it had noted what it published brings the same message in another record.
    @Test func aCopyOfADiscardedMessageIsNotHandled() throws {
        let fixture = try Fixture()
        fixture.start()
        try fixture.publish("bad", "{\"rejected\":true}", id: "given-up")
        let connection = try fixture.connect()
        try eventually("it is dead") { try !DeadLetterQueue.list(.init(group: fixture.group), on: connection).isEmpty }
        let letter = try #require(try DeadLetterQueue.list(.init(group: fixture.group), on: connection).first)
        try DeadLetterQueue.discard(letter.id, .init(by: "mo", note: "in a test"), on: connection)
        fixture.ledger.isHealed.update { $0 = true }
        try fixture.publish("bad", "{\"rejected\":true}", id: "given-up")
        try fixture.publish("bad", "{\"n\":2}", id: "next")
        try eventually("the next one is handled") { try !fixture.notes("bad").isEmpty }
        #expect(try fixture.notes("bad") == ["{\"n\":2}"])
    }

    /// After a reset of the offsets, what was decided stays decided, and nothing waits behind it again.
    @Test func aLetterThatIsReadAgainStaysEnded() throws {
        let fixture = try Fixture()
        fixture.start()
        try fixture.publish("bad", "{\"rejected\":true}")
        try fixture.publish("bad", "[no envelope]")
        let connection = try fixture.connect()
        let filter = DeadLetterQueue.Filter(group: fixture.group, includesParked: true)
        for open in [2, 1] {
            try eventually("the letters are there") {
                let letters = try DeadLetterQueue.list(filter, on: connection)
                return letters.count == open && letters.last?.status == "dead"
            }
            let first = try #require(try DeadLetterQueue.list(filter, on: connection).last)
            try DeadLetterQueue.discard(first.id, .init(by: "mo", note: "in a test"), on: connection)
        }
        fixture.end()
        let moved = try ConsumerProgress.nextOffsets(of: fixture.group, on: connection).mapValues { _ in Int64(0) }
        try connection.transaction { try ConsumerProgress.move(fixture.group, to: moved, on: $0) }
        fixture.start()
        try fixture.publish("bad", "{\"n\":2}")
        try eventually("the key flows") { try fixture.notes("bad") == ["{\"n\":2}"] }
        #expect(try DeadLetterQueue.list(filter, on: connection).isEmpty)
    }

    @Test func oneBadMessageAmongManyIsFound() throws {
        let fixture = try Fixture()
        for number in 0..<50 {
            try fixture.publish("k\(number)", number == 23 ? "{\"fails\":true}" : "{\"n\":\(number)}")
        }
        fixture.start()
        try eventually("the others are through") { try fixture.notes().count == 49 }
        #expect(try DeadLetterQueue.list(.init(group: fixture.group), on: fixture.connect()).map(\.key) == ["k23"])
    }

    /// A consumer that was frozen while its partitions moved on has nothing to commit any more.
    @Test func aZombieCommitsNothing() throws {
        let fixture = try Fixture()
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
