import Execution
import Foundation
import Kafka
import Postgres
import TestServers

@testable import Messaging

/// Writes down what it handles, and in which transaction.
struct SharedLedger: BatchHandler {
    let name: String
    let types: Set<String>
    /// Nothing is handled while it is shut.
    let isShut = Monitor(false)
    let rejects = Monitor<Set<String>>([])

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        _ = isShut.wait(for: .seconds(30)) { $0 ? nil : true }
        for message in messages {
            if rejects.withLock({ $0.contains(message.id) }) { throw MessageRejected("\(name) takes no \(message.id)") }
        }
        _ = try connection.execute(
            """
            INSERT INTO shared_notes (name, key, id, txid)
            SELECT $1, k, i, pg_current_xact_id()::text FROM unnest($2::text[], $3::text[]) AS t (k, i)
            """, [.text(name), .textArray(messages.map(\.key)), .textArray(messages.map(\.id))])
    }
}

/// Three groups that read one topic together, the first for the others.
final class ReadTogetherFixture {
    let consumers: ConsumerFixture
    let ledgers: [SharedLedger]
    /// Times that a payload was read.
    let readings = Monitor(0)
    private(set) var runners: [ConsumerRunner] = []
    private var stops: [(StopSignal, DedicatedThread)] = []
    private let id = UUID()

    /// - Parameter types: that each reacts to.
    init(_ types: [Set<String>] = [["Noted"], ["Noted"], ["Noted"]]) throws {
        consumers = try ConsumerFixture()
        ledgers = types.enumerated().map { SharedLedger(name: "ledger-\($0)", types: $1) }
        try consumers.connect().script(
            "CREATE TABLE shared_notes (n bigint GENERATED ALWAYS AS IDENTITY, name text, key text, id text, txid text)"
        )
    }

    deinit { end() }

    func group(_ index: Int) -> String { "together-\(index)-\(id)" }

    func start(near: Int64 = 10_000, usesInbox: Bool = true, isTogether: Bool = true) {
        var kafka = consumers.topic.kafka
        kafka.properties["statistics.interval.ms"] = "50"
        runners = ledgers.enumerated().map { index, ledger in
            var configuration = ConsumerRunner.Configuration(group: group(index), topics: [consumers.topic.name])
            configuration.attempts = 2
            configuration.retryBase = .milliseconds(1)
            configuration.batchSize = 20
            configuration.tick = .zero
            configuration.usesInbox = usesInbox
            configuration.content = { [readings] _ in
                readings.withLock { $0 += 1 }
                return nil
            }
            return ConsumerRunner(
                configuration, handler: ledger, kafka: kafka, database: consumers.database, logger: quiet)
        }
        if isTogether { ConsumerRunner.readTogether(runners, near: near) }
        for runner in runners {
            let stop = StopSignal()
            stops.append((stop, DedicatedThread.start("runner") { try? runner.run(until: stop) }))
        }
    }

    func end() {
        for (stop, _) in stops { stop.stop() }
        for (_, thread) in stops { thread.join(timeout: .seconds(15)) }
        stops = []
        runners = []
    }

    /// The partitions that the first group reads for another one.
    func joined(_ index: Int) -> Int {
        runners[index].sharing.withLock { $0 }?.reading.joined(index - 1).count ?? 0
    }

    func awaitJoined() throws {
        try eventually("they read together") { joined(1) == 3 && joined(2) == 3 }
    }

    struct Note: Hashable {
        let key: String
        let id: String
        let transaction: String
    }

    func notes(_ index: Int) throws -> [Note] {
        try consumers.connect().query(
            "SELECT key, id, txid FROM shared_notes WHERE name = $1 ORDER BY n", [.text(ledgers[index].name)]
        ).map {
            Note(
                key: try $0.get(0, as: String.self), id: try $0.get(1, as: String.self),
                transaction: try $0.get(2, as: String.self))
        }
    }

    /// Records that a group's member has fetched, by librdkafka's own count.
    func fetched(_ index: Int) -> Int? {
        guard let json = runners[index].statisticsJSON, let mark = json.range(of: "\"rxmsgs\":", options: .backwards)
        else { return nil }
        return Int(json[mark.upperBound...].prefix { $0.isNumber })
    }
}
