import Execution
import Kafka
import Postgres
import TestServers

@testable import Messaging

/// A relay that reads the log where it can.
final class LogRelay: Sendable {
    let relay: Relay
    private let stop = StopSignal()
    private let thread: DedicatedThread
    private let producer: Producer

    init(
        _ database: PostgresConfiguration, _ topic: TestTopic, pageSize: Int, source: RelaySource = .outbox,
        checkpointInterval: Duration = .milliseconds(20)
    ) throws {
        producer = try topic.producer()
        var configuration = Relay.Configuration()
        configuration.pageSize = pageSize
        configuration.leadershipPoll = .milliseconds(20)
        configuration.idlePoll = .milliseconds(50)
        configuration.checkpointInterval = checkpointInterval
        configuration.readsLog = true
        let relay = Relay(
            source: source, database: database, producer: producer, service: "test", configuration: configuration,
            logger: quiet)
        self.relay = relay
        thread = DedicatedThread.start("relay") { [stop] in relay.run(until: stop) }
    }

    func end() {
        stop.stop()
        thread.join(timeout: .seconds(10))
        producer.close(timeout: .seconds(5))
    }
}

/// An outbox of its own on a server whose log can be read, and a topic.
struct LoggedOutbox {
    let database: PostgresConfiguration
    let topic: TestTopic

    init(on server: Result<PostgresServer, any Error> = LogServer.shared, isPrepared: Bool = true) throws {
        database = try PostgresConfiguration(try server.get().createDatabase())
        topic = try TestTopic(partitions: 1)
        try connect().script(MessagingSchema.v1 + MessagingSchema.v2)
        if isPrepared { try RelaySlots.prepare(on: connect()) }
    }

    func connect() throws -> Connection { try Connection(database, logger: quiet) }

    func append(_ ids: [Int], on connection: Connection) throws {
        try Outbox.append(
            ids.map { id in
                OutgoingEvent(
                    topic: topic.name, key: "k", type: "Happened", payload: Array("{}".utf8),
                    metadata: EventMetadata(id: "\(id)", source: "/test", time: 0, correlationID: "c"))
            }, on: connection)
    }

    func published() throws -> [Int] { try topic.records().compactMap { $0.headers["ce_id"].flatMap { Int($0) } } }

    /// The slot that its relay goes by; nil while there is none.
    func slot() throws -> String? {
        try connect().query("SELECT slot FROM relay_slots WHERE source = 'outbox'").first?.get(0, as: String.self)
    }

    /// What is stored as published, in rows.
    func stored() throws -> Int64 {
        try connect().query("SELECT coalesce(max(published), 0) FROM relay_checkpoints").one().get(0)
    }
}
