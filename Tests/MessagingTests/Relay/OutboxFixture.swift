import Execution
import Kafka
import Postgres
import TestServers

@testable import Messaging

/// An outbox of its own, a topic, and a relay between them for a while.
struct OutboxFixture {
    let database: PostgresConfiguration
    let topic: TestTopic

    init() throws {
        database = try freshDatabase(Self.schema)
        topic = try TestTopic(partitions: 1)
    }

    /// What an outbox and its relay need.
    static let schema =
        MessagingSchema.outbox + MessagingSchema.relay + MessagingSchema.relaySnapshots + MessagingSchema.contentTypes
        + MessagingSchema.express + MessagingSchema.schedule

    func connect() throws -> Connection { try Connection(database, logger: quiet) }

    /// - Parameter isAnnounced: as by a process that has no relay.
    func append(
        _ id: String, bytes: Int = 10, priority: Priority = .ordinary, isAnnounced: Bool = false
    ) throws {
        let payload = "{\"id\":\"\(id)\",\"x\":\"\(String(repeating: "x", count: bytes))\"}"
        let event = OutgoingEvent(
            topic: topic.name, key: "k", type: "Happened", payload: Array(payload.utf8),
            metadata: EventMetadata(id: id, source: "/test", time: 0, correlationID: "c", priority: priority))
        try connect().transaction { connection in
            try Outbox.append([event], on: connection)
            if isAnnounced { try RelaySource.outbox.announce(on: connection) }
        }
    }

    func appendCopy(_ number: Int, bytes: Int = 10) throws {
        let headers: [LetterHeaders.Header] = [
            (name: "ce_id", value: [0x31]), (name: "ce_source", value: Array("/test".utf8)),
            (name: "theirs", value: Array(repeating: 0xFF, count: bytes)),
            (name: "orderflow_topic", value: Array("t".utf8)), (name: "orderflow_partition", value: [0x30]),
            (name: "orderflow_offset", value: Array("\(number)".utf8)),
        ]
        _ = try connect().execute(
            "INSERT INTO outbox (topic, key, type, schema_version, metadata, raw) VALUES ($1, 'k', '', 0, $2, $3)",
            [.text(topic.name), .json(LetterHeaders.json(headers)), .bytes(Array("value".utf8))])
    }

    /// Runs `body` beside a relay whose client takes records of `limit` bytes.
    func relaying(limit: Int = 1_000_000, _ body: (Relay) throws -> Void) throws {
        var kafka = topic.kafka
        kafka.properties["message.max.bytes"] = String(limit)
        let producer = try Producer(ProducerConfiguration(kafka), logger: quiet)
        producer.prepare(topics: [topic.name], timeout: .seconds(5))
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
