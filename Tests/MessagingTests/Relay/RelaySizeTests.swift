import Execution
import Kafka
import Postgres
import TestServers
import Testing

@testable import Messaging

/// Records that the brokers, or our own client, find too large.
@Suite struct RelaySizeTests {
    private struct Fixture {
        let database: PostgresConfiguration
        let topic: TestTopic

        init() throws {
            database = try PostgresConfiguration(try PostgresServer.shared.get().createDatabase())
            topic = try TestTopic(partitions: 1)
            try connect().script(MessagingSchema.outbox + MessagingSchema.relay + MessagingSchema.relaySnapshots)
        }

        func connect() throws -> Connection { try Connection(database, logger: quiet) }

        func append(_ id: String, bytes: Int) throws {
            let payload = "{\"id\":\"\(id)\",\"x\":\"\(String(repeating: "x", count: bytes))\"}"
            try Outbox.append(
                [
                    OutgoingEvent(
                        topic: topic.name, key: "k", type: "Happened", payload: Array(payload.utf8),
                        metadata: EventMetadata(id: id, source: "/test", time: 0, correlationID: "c"))
                ], on: connect())
        }

        func appendCopy(_ number: Int, bytes: Int) throws {
            let headers: [LetterHeaders.Header] = [
                (name: "theirs", value: Array(repeating: 0xFF, count: bytes)),
                (name: "orderflow_topic", value: Array("t".utf8)), (name: "orderflow_partition", value: [0x30]),
                (name: "orderflow_offset", value: Array("\(number)".utf8)),
            ]
            _ = try connect().execute(
                "INSERT INTO outbox (topic, key, type, schema_version, metadata, raw) VALUES ($1, 'k', '', 0, $2, $3)",
                [.text(topic.name), .json(LetterHeaders.json(headers)), .bytes(Array("value".utf8))])
        }

        /// Runs `body` beside a relay whose client takes records of `limit` bytes.
        func relaying(limit: Int, _ body: (Relay) throws -> Void) throws {
            var kafka = topic.kafka
            kafka.properties["message.max.bytes"] = String(limit)
            let producer = try Producer(ProducerConfiguration(kafka), logger: quiet)
            let relay = Relay(source: .outbox, database: database, producer: producer, service: "test", logger: quiet)
            let stop = StopSignal()
            let thread = DedicatedThread.start("relay") { relay.run(until: stop) }
            defer {
                stop.stop()
                thread.join(timeout: .seconds(10))
                producer.close(timeout: .seconds(5))
            }
            try body(relay)
        }
    }

    /// A fact is never left out, and nothing overtakes it: the relay stands, and says at what.
    @Test func aFactThatIsTooLargeStopsTheRelayLoudly() throws {
        let fixture = try Fixture()
        try fixture.append("1", bytes: 10)
        try fixture.append("2", bytes: 20_000)
        try fixture.append("3", bytes: 10)
        try fixture.relaying(limit: 10_000) { relay in
            try eventually("it says at what") {
                let problem = relay.currentStatus.problem ?? ""
                return problem.contains("record at position 2, of 20") && problem.contains("max.message.bytes")
            }
            #expect(try Set(fixture.topic.records().map { $0.headers["ce_id"] ?? "" }) == ["1"])
        }
        // The limit is raised.
        try fixture.relaying(limit: 100_000) { _ in
            try eventually("all are out") {
                try fixture.topic.records().map { $0.headers["ce_id"] }.suffix(2) == ["2", "3"]
            }
        }
    }

    /// The copy of a letter is a courtesy: cut to what is ours, and nothing behind it waits.
    @Test func aDeadLettersCopyIsCut() throws {
        let fixture = try Fixture()
        try fixture.appendCopy(1, bytes: 20_000)
        try fixture.append("1", bytes: 10)
        try fixture.appendCopy(2, bytes: 10)
        try fixture.relaying(limit: 10_000) { relay in
            try eventually("all are out") { relay.currentStatus.published == 3 }
            #expect(relay.currentStatus.problem == nil)
        }
        let records = try fixture.topic.records()
        #expect(records.count == 3)
        let cut = try #require(records.first { $0.headers["orderflow_offset"] == "1" })
        #expect(cut.value.isEmpty)
        #expect(cut.headers["theirs"] == nil)
        #expect(cut.headers["orderflow_truncated"] == "5")
        #expect(records.first { $0.headers["orderflow_offset"] == "2" }?.value == "value")
    }
}
