import Execution
import Foundation
import Kafka
import Logging
import Postgres
import TestServers

@testable import Messaging

/// Writes down what it handles; fails for payloads that say so, or waits.
struct Ledger: BatchHandler {
    let types: Set<String> = ["Noted"]
    let isHealed = Monitor(false)
    /// Messages that wait until `release`.
    let waiting = Monitor(0)
    let release = StopSignal()

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        for message in messages {
            let text = String(decoding: message.payload, as: UTF8.self)
            if text.contains("\"waits\"") {
                waiting.update { $0 += 1 }
                release.wait(for: .seconds(60))
            }
            if text.contains("\"fails\""), !isHealed.withLock({ $0 }) { throw Broken() }
            if text.contains("\"rejected\""), !isHealed.withLock({ $0 }) { throw MessageRejected("it says so") }
            if text.contains("\"swells\"") {
                let payload = Array("\"\(String(repeating: "x", count: 1_000_000))\"".utf8)
                outbox.append(
                    OutgoingEvent(
                        topic: "elsewhere", key: message.key, type: "Swollen", payload: payload,
                        metadata: message.effectMetadata(id: "s", source: "/test", time: 0)))
            }
            _ = try connection.execute(
                "INSERT INTO notes (key, id, payload) VALUES ($1, $2, $3)",
                [.text(message.key), .text(message.id), .text(text)])
        }
    }

    struct Broken: Error {}
}

/// A group on a topic and a database of its own.
final class ConsumerFixture {
    let database: PostgresConfiguration
    let topic: TestTopic
    var producer: Producer
    let ledger = Ledger()
    let group = "group-\(UUID())"
    private var stops: [(StopSignal, DedicatedThread)] = []

    init() throws {
        database = try freshDatabase(Self.schema)
        topic = try TestTopic()
        producer = try topic.producer()
    }

    /// What a group's work needs, and where the ledger writes.
    static let schema =
        MessagingSchema.outbox + MessagingSchema.contentTypes + MessagingSchema.express + MessagingSchema.schedule
        + MessagingSchema.consumer + MessagingSchema.deadLetterDecisions + MessagingSchema.parkedCounts
        + MessagingSchema.audit
        + "CREATE TABLE notes (n bigint GENERATED ALWAYS AS IDENTITY, key text, id text, payload text)"

    deinit { end() }

    func connect() throws -> Connection { try Connection(database, logger: quiet) }

    @discardableResult
    func start(
        instance: String? = nil, tick: Duration = .milliseconds(25), express: TestTopic? = nil,
        by handler: (any BatchHandler)? = nil
    ) -> ConsumerRunner {
        var configuration = ConsumerRunner.Configuration(
            group: group, topics: [topic.name] + (express.map { [$0.name] } ?? []))
        configuration.expressTopics = Set(express.map { [$0.name] } ?? [])
        configuration.attempts = 3
        configuration.retryBase = .milliseconds(1)
        configuration.batchSize = 50
        configuration.ticking = Ticking(every: tick)
        let runner = ConsumerRunner(
            configuration, handler: handler ?? ledger, kafka: topic.kafka(instance: instance), database: database,
            logger: quiet)
        let stop = StopSignal()
        stops.append((stop, DedicatedThread.start("runner") { try? runner.run(until: stop) }))
        return runner
    }

    /// All of the `count` records that there are in one batch, and what a member that is given it makes of it.
    func batch(count: Int, by door: RecordReader? = nil) throws -> (BatchTransaction, [ConsumedRecord]) {
        let runner = ConsumerRunner(
            ConsumerRunner.Configuration(group: group, topics: [topic.name]), handler: ledger, kafka: topic.kafka,
            database: database, logger: quiet)
        let reader = try TestTopic.Reader(topic)
        defer { reader.close() }
        var records: [ConsumedRecord] = []
        while records.count < count {
            records += try reader.next().map { ConsumedRecord($0, by: door ?? runner.reader) }
        }
        return (runner.transaction, records)
    }

    func end() {
        for (stop, _) in stops { stop.stop() }
        for (_, thread) in stops { thread.join(timeout: .seconds(15)) }
        stops = []
    }

    func publish(
        _ key: String, _ payload: String, id: String? = nil, source: String? = nil, type: String = "Noted",
        to other: TestTopic? = nil
    ) throws {
        var headers: [(String, [UInt8])] = []
        if let id { headers.append(("ce_id", Array(id.utf8))) }
        if let source { headers.append(("ce_source", Array(source.utf8))) }
        try publish(
            key: Array(key.utf8), value: Array(#"{"type":"\#(type)","version":1,"payload":\#(payload)}"#.utf8), headers,
            to: other)
    }

    /// Any record at all.
    func publish(
        key: [UInt8]?, value: [UInt8]?, _ headers: [(String, [UInt8])] = [], timestamp: Int64? = nil,
        to other: TestTopic? = nil
    ) throws {
        let results = try producer.publish(
            [
                OutgoingMessage(
                    topic: (other ?? topic).name, key: key, value: value,
                    headers: KafkaHeaders(headers.map { KafkaHeader($0.0, $0.1) }), timestamp: timestamp)
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
