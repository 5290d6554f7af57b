import Execution
import Kafka
import Postgres
import Randomness
import TestServers
import Testing

@testable import Messaging

/// Records of strangers through a running group.
@Suite(.servers) struct StrangersRecordTests {
    private static let letters = DeadLetterQueue.Filter(includesParked: true)

    /// A null value carries no event, whatever waits under its key; an empty one is none either, but says something.
    @Test func aTombstoneIsPassedOver() throws {
        let fixture = try ConsumerFixture()
        fixture.start()
        try fixture.publish("k", "{\"n\":1}")
        try fixture.publish(key: Array("k".utf8), value: nil)
        try fixture.publish(key: Array("k".utf8), value: nil, [("ce_type", Array("Noted".utf8))])
        try fixture.publish("k", "{\"n\":2}")
        try eventually("both are handled") { try fixture.notes("k") == ["{\"n\":1}", "{\"n\":2}"] }
        let connection = try fixture.connect()
        #expect(try DeadLetterQueue.list(Self.letters, on: connection).isEmpty)
        try fixture.publish(key: Array("e".utf8), value: [])
        try eventually("the empty one is dead") {
            try DeadLetterQueue.list(Self.letters, on: connection).map(\.value) == [[]]
        }
    }

    @Test func aTombstoneIsCounted() throws {
        let fixture = try ConsumerFixture()
        try fixture.publish("k", "{\"n\":1}")
        try fixture.publish(key: Array("k".utf8), value: nil)
        try fixture.publish("k", "{}", type: "Unheard")
        let (transaction, records) = try fixture.batch(count: 3)
        let result = try transaction.run(records[...], giveUp: nil, on: fixture.connect())
        #expect(result.handled == 1 && result.tombstones == 1 && result.skipped == 1 && result.deadLettered == 0)
    }

    /// Two sources both have an event 1; each has it once.
    @Test func anEventIsKnownBySourceAndID() throws {
        let fixture = try ConsumerFixture()
        fixture.start()
        for source in ["/berlin", "/paris", nil] {
            for _ in 1...2 { try fixture.publish("k", "{\"of\":\"\(source ?? "-")\"}", id: "1", source: source) }
        }
        try fixture.publish("k", "{\"n\":9}", id: "last")
        try eventually("all are there") { try fixture.notes("k").count == 4 }
        #expect(
            try fixture.notes("k") == ["{\"of\":\"/berlin\"}", "{\"of\":\"/paris\"}", "{\"of\":\"-\"}", "{\"n\":9}"])
    }

    /// An inbox from before the source counted knows our own events by their ids: a copy that comes later has no effect.
    @Test func eventsOfOursFromBeforeAreStillKnown() throws {
        let fixture = try ConsumerFixture()
        let id = "0199aa00-0000-7000-8000-00000000000a"
        _ = try fixture.connect().execute(
            "INSERT INTO inbox (consumer_group, message_id) VALUES ($1, $2), ($1, '17')",
            [.text(fixture.group), .text(id)])
        fixture.start()
        try fixture.publish("k", "{\"n\":1}", id: id, source: "/orderflow/orders")
        try fixture.publish("k", "{\"n\":2}", id: "17")
        try fixture.publish("k", "{\"n\":3}", id: "18")
        try eventually("the new one is handled") { try fixture.notes("k") == ["{\"n\":3}"] }
    }

    /// One source's letter, given up, says nothing of another's event of that id.
    @Test func discardingIsOfOneEvent() throws {
        let fixture = try ConsumerFixture()
        fixture.start()
        try fixture.publish("a", "{\"rejected\":true}", id: "1", source: "/berlin")
        let connection = try fixture.connect()
        try eventually("it is dead") { try !DeadLetterQueue.list(Self.letters, on: connection).isEmpty }
        let letter = try #require(try DeadLetterQueue.list(Self.letters, on: connection).first)
        try DeadLetterQueue.decide(.discard, letter.id, .init(by: .mo, note: "in a test"), on: connection)
        fixture.ledger.isHealed.update { $0 = true }
        try fixture.publish("a", "{\"of\":\"/berlin\"}", id: "1", source: "/berlin")
        try fixture.publish("a", "{\"of\":\"/paris\"}", id: "1", source: "/paris")
        try eventually("the other's is handled") { try fixture.notes("a") == ["{\"of\":\"/paris\"}"] }
    }

    /// Keys are bytes: two that differ don't wait for each other.
    @Test func keysThatAreNoTextAreParkedApart() throws {
        let fixture = try ConsumerFixture()
        fixture.start()
        for key: [UInt8] in [[0xFF], [0xFE], [0xFF], [0x61, 0]] {
            try fixture.publish(key: key, value: Array("{broken".utf8))
        }
        let connection = try fixture.connect()
        try eventually("all are letters") { try DeadLetterQueue.list(Self.letters, on: connection).count == 4 }
        let letters = try DeadLetterQueue.list(Self.letters, on: connection)
        #expect(letters.filter { $0.status == "parked" }.map(\.key) == ["bytes:ff"])
        #expect(Set(letters.map(\.key)) == ["bytes:ff", "bytes:fe", "bytes:6100"])
    }

    /// Whole in the database, on the topic as much as a record takes: also where bytes that are no text would grow as
    /// text. Nothing behind it waits.
    @Test func aHugeHeaderHoldsUpNobody() throws {
        let fixture = try ConsumerFixture()
        try fixture.connect().script(MessagingSchema.relay + MessagingSchema.relaySnapshots)
        let copies = DeadLetters.topic(of: fixture.topic.name, group: fixture.group)
        _ = try Admin(fixture.topic.kafka, logger: quiet).createTopics([NewTopic(copies, partitions: 1, replication: 1)]
        )
        let producer = try fixture.topic.producer()
        let relay = Relay(
            source: .outbox, database: fixture.database, producer: producer, service: "test", logger: quiet)
        let stop = StopSignal()
        let thread = DedicatedThread.start("relay") { relay.run(until: stop) }
        defer {
            stop.stop()
            thread.join(timeout: .seconds(10))
            producer.close(timeout: .seconds(5))
        }
        fixture.start()
        let huge = [UInt8](repeating: 0xFE, count: 950_000)
        try fixture.publish(key: Array("p1".utf8), value: Array("{broken".utf8), [("trace", huge), ("ce_id", [0x31])])
        try fixture.publish(key: Array("p2".utf8), value: Array("{broken too".utf8))
        try eventually("both are out") { relay.currentStatus.published == 2 }
        #expect(relay.currentStatus.problem == nil)
        let connection = try fixture.connect()
        let stored = try connection.query(
            "SELECT length(headers->'trace'->>'base64') FROM dead_letters WHERE key = 'p1'"
        ).one().get(0, as: Int32.self)
        #expect(stored == (950_000 + 2) / 3 * 4)
    }
}
