import Execution
import Foundation
import Kafka
import Logging
import Postgres
import TestServers

@testable import Messaging

/// An event store, relays, a topic, its dead letters' topic, and a group with a read model, of which all but the group's
/// reader are as they are for JSON.
final class CodecJourney {
    /// Keeps what it reads; fails for payloads that say so.
    struct Notes: BatchHandler {
        let types: Set<String> = ["Noted"]
        let isHealed = Monitor(false)

        func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
            for message in messages {
                let text = String(decoding: message.payload, as: UTF8.self)
                if text.contains("\"fails\""), !isHealed.withLock({ $0 }) { throw MessageRejected("it says so") }
                _ = try connection.execute(
                    "INSERT INTO notes (key, payload) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    [.text(message.key), .text(text)])
            }
        }
    }

    static let migrations = [
        Migration(
            version: 1, name: "all",
            sql: EventStoreSchema.events + EventStoreSchema.contentTypes + EventStoreSchema.express + MessagingSchema.v1
                + MessagingSchema.express + MessagingSchema.schedule
                + "CREATE TABLE notes (key text PRIMARY KEY, payload text NOT NULL);")
    ]

    let database: PostgresConfiguration
    let kafka: KafkaConfiguration
    let topic = "notes-\(UUID())"
    let group = "codec-\(UUID())"
    let handler = Notes()
    let codecs: PayloadCodecs
    private let producer: Producer

    /// - Parameter codecs: of the group's reader.
    init(_ codecs: PayloadCodecs = InvertedCodec.codecs) throws {
        self.codecs = codecs
        database = try PostgresConfiguration(try PostgresServer.shared.get().createDatabase())
        kafka = KafkaConfiguration(bootstrapServers: try KafkaBroker.shared.get().bootstrapServers, isDevBroker: true)
        producer = try Producer(ProducerConfiguration(kafka), logger: quiet)
        try Migrator.migrate(connect(), Self.migrations)
        _ = try Admin(kafka, logger: quiet).createTopics(
            [topic, letterTopic].map { NewTopic($0, partitions: 1, replication: 1) })
        producer.prepare(topics: [topic, letterTopic], timeout: .seconds(5))
    }

    func end() { producer.close(timeout: .seconds(5)) }

    var letterTopic: String { DeadLetters.topic(of: topic, group: group) }

    var model: ReadModel {
        ReadModel(
            name: "notes", group: group, topics: [topic], tables: ["notes"],
            reader: RecordReader(types: handler.types, codecs: codecs) { _ in nil },
            migrations: Self.migrations, fold: { [handler] _ in HandlerFold(handler) })
    }

    func connect() throws -> Connection { try Connection(database, logger: quiet) }

    func metadata(_ id: String) -> EventMetadata {
        EventMetadata(id: id, source: "/test", time: 0, correlationID: "c")
    }

    func append(
        _ stream: String, _ payload: [UInt8], _ contentType: ContentType, schemaVersion: Int = 2
    ) -> StreamAppend {
        StreamAppend(
            tenant: "default", streamID: stream, category: "note", expectedVersion: 0,
            events: [
                NewEvent(
                    type: "Noted", schemaVersion: schemaVersion, data: payload, contentType: contentType,
                    metadata: metadata(stream))
            ])
    }

    /// Publishes what there is.
    func relay(_ source: RelaySource? = nil, formats: TopicFormats = .json) throws {
        let source = source ?? .eventStore(topics: ["note": topic])
        let count = try connect().query("SELECT count(*) FROM \(source.table)").one().get(0, as: Int64.self)
        try whileRelaying(source, formats) { relay in
            try eventually("\(source.table) is published") { relay.currentStatus.published == count }
        }
    }

    /// Writes a record as a foreign producer does.
    func publish(_ key: String, _ value: [UInt8], _ headers: [(String, String)]) throws {
        var message = OutgoingMessage(topic: topic, key: Array(key.utf8), value: value, headers: KafkaHeaders())
        for (name, text) in headers { message.headers.append(name, text) }
        for result in try producer.publish([message], timeout: .seconds(20), until: StopSignal()) {
            _ = try result.get()
        }
    }

    private func whileRelaying(
        _ source: RelaySource, _ formats: TopicFormats = .json, _ body: (Relay) throws -> Void
    ) throws {
        var configuration = Relay.Configuration()
        configuration.formats = RelayFormats(formats, codecs: codecs, service: "test", logger: quiet)
        let relay = Relay(
            source: source, database: database, producer: producer, service: "test", configuration: configuration,
            logger: quiet)
        let stop = StopSignal()
        let thread = DedicatedThread.start("relay") { relay.run(until: stop) }
        defer {
            stop.stop()
            thread.join(timeout: .seconds(10))
        }
        try body(relay)
    }

    /// Runs `body` while the group and its outbox's relay are at work.
    func consume(_ body: (ConsumerRunner) throws -> Void) throws {
        var configuration = ConsumerRunner.Configuration(group: group, topics: [topic])
        configuration.codecs = codecs
        let runner = ConsumerRunner(configuration, handler: handler, kafka: kafka, database: database, logger: quiet)
        let stop = StopSignal()
        let thread = DedicatedThread.start("runner") { try? runner.run(until: stop) }
        defer {
            stop.stop()
            thread.join(timeout: .seconds(15))
        }
        try whileRelaying(.outbox) { _ in try body(runner) }
    }

    func notes() throws -> [String] {
        try connect().query("SELECT payload FROM notes ORDER BY payload").map { try $0.get(0, as: String.self) }
    }

    // MARK: The topics

    struct Record {
        let offset: Int64
        let key: [UInt8]
        let value: [UInt8]
        let headers: [String: String]
    }

    func end(of topic: String) throws -> Int64 {
        try Admin(kafka, logger: quiet).watermarks(TopicPartition(topic: topic, partition: 0)).high
    }

    func records(of topic: String, count: Int64) throws -> [Record] {
        let reader = try PartitionReader(
            kafka, [TopicPartition(topic: topic, partition: 0): 0..<count], logger: quiet)
        var records: [Record] = []
        let deadline = ContinuousClock.now + .seconds(30)
        while !reader.isFinished {
            guard .now < deadline else { throw NeverHappened(what: "\(topic) is read", limit: .seconds(30)) }
            guard let batch = try reader.nextBatch(max: 100, timeout: .milliseconds(100)) else { continue }
            for record in batch {
                var headers: [String: String] = [:]
                record.forEachHeader { headers[$0] = String(decoding: $1, as: UTF8.self) }
                records.append(
                    Record(
                        offset: record.offset, key: record.key.map { Array($0) } ?? [], value: Array(record.value),
                        headers: headers))
            }
        }
        return records
    }
}
