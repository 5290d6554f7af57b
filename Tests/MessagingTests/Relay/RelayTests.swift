import Execution
import Foundation
import Kafka
import Logging
import Postgres
import Randomness
import TestServers
import Testing

@testable import Messaging

/// What the relay must never do, whichever way it reads: skip a row, swap two of a key, run twice at a time.
@Suite(.servers) struct RelayTests {
    /// By windows, and from the log.
    static let ways = [false, true]

    /// A service's outbox, a topic, and relays from one to the other.
    private struct Fixture {
        let database: PostgresConfiguration
        let topic: TestTopic
        let readsLog: Bool

        init(readsLog: Bool) throws {
            self.readsLog = readsLog
            database = try freshDatabase(
                OutboxFixture.schema, on: readsLog ? LogServer.shared : PostgresServer.shared)
            topic = try TestTopic()
            if readsLog { try RelaySlots.prepare(on: connect()) }
        }

        func connect() throws -> Connection { try Connection(database, logger: quiet) }

        func relay(
            pageSize: Int = 2_000, tick: Duration = .milliseconds(20), leads: Bool = true
        ) throws -> RunningRelay {
            let producer = try topic.producer()
            var configuration = Relay.Configuration()
            configuration.pageSize = pageSize
            configuration.leadershipPoll = .milliseconds(20)
            configuration.ticking = Ticking(every: tick)
            configuration.readsLog = readsLog
            let relay = RunningRelay(
                Relay(
                    source: .outbox, database: database, producer: producer, service: "test",
                    configuration: configuration, logger: quiet), producer)
            guard readsLog, leads else { return relay }
            try eventually("it reads the log") { relay.relay.currentStatus.readsLog }
            return relay
        }

        func append(_ key: String, _ id: String, on connection: Connection) throws {
            try Outbox.append(
                [
                    OutgoingEvent(
                        topic: topic.name, key: key, type: "Happened", payload: Array("{\"id\":\"\(id)\"}".utf8),
                        metadata: EventMetadata(id: id, source: "/test", time: 0, correlationID: "c"))
                ], on: connection)
        }

        func published() throws -> [String] {
            try topic.records().map { $0.headers["ce_id"] ?? "?" }
        }

        /// How far the relay is, in rows.
        func count() throws -> Int64 {
            try connect().query("SELECT coalesce(max(published), 0) FROM relay_checkpoints")[0].get(0, as: Int64.self)
        }
    }

    /// A relay on a thread of its own.
    private final class RunningRelay: Sendable {
        let relay: Relay
        let stop = StopSignal()
        private let thread: DedicatedThread
        private let producer: Producer

        init(_ relay: Relay, _ producer: Producer) {
            self.relay = relay
            self.producer = producer
            thread = DedicatedThread.start("relay") { [stop] in relay.run(until: stop) }
        }

        func end() {
            stop.stop()
            thread.join(timeout: .seconds(10))
            producer.close(timeout: .seconds(5))
        }
    }

    /// Whoever has an open transaction, with rows of its own or without, holds up nobody else, and loses nothing.
    @Test(arguments: ways) func anOpenTransactionIsNeitherSkippedNorWaitedFor(readsLog: Bool) throws {
        let fixture = try Fixture(readsLog: readsLog)
        let relay = try fixture.relay()
        defer { relay.end() }
        let elsewhere = try Connection(
            PostgresConfiguration(try PostgresServer.shared.get().createDatabase()), logger: quiet)
        try elsewhere.script("BEGIN; SELECT pg_current_xact_id()")
        let early = try fixture.connect()
        let late = try fixture.connect()
        try early.script("BEGIN")
        try fixture.append("early", "1", on: early)
        try fixture.append("late", "2", on: late)
        try fixture.append("late", "3", on: late)
        relay.relay.wake()
        try eventually("two are out") { try fixture.count() == 2 }
        try early.script("COMMIT")
        relay.relay.wake()
        try eventually("all three are out") { try fixture.count() == 3 }
        try elsewhere.script("ROLLBACK")
        let records = try fixture.topic.records()
        #expect(records.filter { $0.key == "late" }.map { $0.headers["ce_id"] } == ["2", "3"])
        #expect(records.filter { $0.key == "early" }.map { $0.headers["ce_id"] } == ["1"])
    }

    /// Between ticks that nobody lives to see: the first row after a quiet time goes out, and full pages do.
    @Test func fullPagesDoNotWaitForTheTick() throws {
        let fixture = try Fixture(readsLog: false)
        let relay = try fixture.relay(pageSize: 3, tick: .seconds(3_600))
        defer { relay.end() }
        try fixture.append("k", "0", on: fixture.connect())
        try eventually("the first one is out") { try fixture.count() == 1 }
        let writer = try fixture.connect()
        try writer.script("BEGIN")
        for number in 1...20 { try fixture.append("k", "\(number)", on: writer) }
        try writer.script("COMMIT")
        try eventually("all are out") { try fixture.published().count == 21 }
        #expect(try fixture.published() == (0...20).map { "\($0)" })
    }

    /// The transaction with the lower id inserts later: `ORDER BY txid, position` would swap the two.
    @Test func aLowerTransactionIDThatInsertsLaterDoesNotOvertake() throws {
        let fixture = try Fixture(readsLog: false)
        let relay = try fixture.relay()
        defer { relay.end() }
        let lower = try fixture.connect()
        let higher = try fixture.connect()
        try lower.script("BEGIN; SELECT pg_current_xact_id();")
        try fixture.append("k", "first", on: higher)
        try fixture.append("k", "second", on: lower)
        try lower.script("COMMIT")
        relay.relay.wake()
        try eventually("both are out") { try fixture.count() == 2 }
        #expect(try fixture.published() == ["first", "second"])
    }

    @Test func anAbortedTransactionLeavesNothing() throws {
        let fixture = try Fixture(readsLog: false)
        let relay = try fixture.relay()
        defer { relay.end() }
        let connection = try fixture.connect()
        try connection.script("BEGIN")
        try fixture.append("k", "gone", on: connection)
        try connection.script("ROLLBACK")
        try fixture.append("k", "there", on: connection)
        try eventually("one is out") { try fixture.count() == 1 }
        #expect(try fixture.published() == ["there"])
    }

    /// The leader's session is cut again and again, with a follower at hand: copies may appear, holes and swaps may not.
    @Test(arguments: ways) func aLeaderThatLosesItsSessionLeavesNoHole(readsLog: Bool) throws {
        let fixture = try Fixture(readsLog: readsLog)
        let relays = try (0..<2).map { try fixture.relay(pageSize: 7, leads: $0 == 0) }
        defer { for relay in relays { relay.end() } }
        let writer = try fixture.connect()
        let executioner = try fixture.connect()
        var generator = SeededGenerator.fromEnvironment("aLeaderThatLosesItsSession")
        for round in 0..<20 {
            for index in 0..<15 { try fixture.append("k\(index % 4)", "\(round * 15 + index)", on: writer) }
            for relay in relays { relay.relay.wake() }
            if Bool.random(using: &generator) {
                _ = try executioner.query(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_locks
                    WHERE locktype = 'advisory' AND granted AND database = (
                        SELECT oid FROM pg_database WHERE datname = current_database())
                    """)
            }
        }
        try eventually(within: .seconds(40), "everything is out") { try fixture.count() == 300 }
        for relay in relays { relay.end() }
        try check(fixture.topic.records(), keys: 4, count: 300)
    }

    /// Many pages of one window.
    @Test(arguments: ways) func aBacklogOfManyPagesGoesOutOnceAndInOrder(readsLog: Bool) throws {
        let fixture = try Fixture(readsLog: readsLog)
        let connection = try fixture.connect()
        for start in stride(from: 0, to: 600, by: 150) {
            try connection.script("BEGIN")
            for index in start..<(start + 150) { try fixture.append("k\(index % 4)", "\(index)", on: connection) }
            try connection.script("COMMIT")
        }
        let relay = try fixture.relay(pageSize: 7)
        defer { relay.end() }
        try eventually(within: .seconds(40), "everything is out") { try fixture.count() == 600 }
        let records = try fixture.topic.records()
        #expect(records.count == 600)
        try check(records, keys: 4, count: 600)
    }

    /// Transactions of random length over many connections, each key written in order by whoever holds it.
    @Test(arguments: ways) func interleavedWritersKeepEachKeysOrder(readsLog: Bool) throws {
        let fixture = try Fixture(readsLog: readsLog)
        let relay = try fixture.relay(pageSize: 5)
        defer { relay.end() }
        var generator = SeededGenerator.fromEnvironment("interleavedWriters")
        let connections = try (0..<6).map { _ in try fixture.connect() }
        var open = [Int: Set<Int>]()  // connection → keys that it holds
        var next = 0
        while next < 400 || !open.isEmpty {
            let index = Int.random(in: 0..<connections.count, using: &generator)
            let connection = connections[index]
            if let held = open[index] {
                let key = Int.random(in: 0..<8, using: &generator)
                let taken = open.contains { $0.key != index && $0.value.contains(key) }
                if next < 400, !taken, held.count < 3 {
                    try fixture.append("k\(key)", "\(next)", on: connection)
                    next += 1
                    open[index] = held.union([key])
                } else {
                    try connection.script("COMMIT")
                    open[index] = nil
                }
            } else if next < 400 {
                // Half of them have their id before they insert anything.
                try connection.script(Bool.random(using: &generator) ? "BEGIN; SELECT pg_current_xact_id()" : "BEGIN")
                open[index] = []
            }
        }
        relay.relay.wake()
        try eventually("everything is out") { try fixture.count() == 400 }
        let records = try fixture.topic.records()
        #expect(records.count == 400, "an undisturbed relay makes no copies")
        try check(records, keys: 8, count: 400)
    }

    /// Every number once at least, and in order within its key once copies are dropped.
    private func check(_ records: [TestTopic.Record], keys: Int, count: Int) throws {
        var seen = Set<Int>()
        var last: [String: Int] = [:]
        for record in records {
            let number = try #require(record.headers["ce_id"].flatMap { Int($0) })
            guard seen.insert(number).inserted else { continue }
            #expect(number > last[record.key] ?? -1, "key \(record.key)")
            last[record.key] = number
        }
        #expect(seen.count == count)
        #expect(last.count <= keys)
    }
}
