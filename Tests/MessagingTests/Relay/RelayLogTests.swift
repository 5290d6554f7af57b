import Execution
import Kafka
import Postgres
import Randomness
import TestServers
import Testing

@testable import Messaging

/// A relay that reads PostgreSQL's log, and what becomes of it when that breaks off: windows go on, exactly from there.
@Suite(.blocking, .servers) struct RelayLogTests {
    /// Readers of the database's slots are ended, slots dropped beneath them, by a die: everything is out once, in order.
    @Test func whateverBreaksTheLogNothingIsLostNorDoubled() throws {
        let fixture = try LoggedOutbox()
        let relay = try LogRelay(fixture.database, fixture.topic, pageSize: 7)
        defer { relay.end() }
        let (writer, executioner) = (try fixture.connect(), try fixture.connect())
        try eventually("it reads the log") { relay.relay.currentStatus.readsLog }
        var generator = SeededGenerator.fromEnvironment()
        var (next, breaks) = (0, 0)
        while next < 200 {
            let count = Int.random(in: 1...(Bool.random(using: &generator) ? 3 : 30), using: &generator)
            try fixture.append(Array(next..<next + count), on: writer)
            next += count
            relay.relay.wake()
            switch Int.random(in: 0..<9, using: &generator) {
            case 0, 1:
                breaks += 1
                _ = try executioner.query(
                    """
                    SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots
                    WHERE database = current_database() AND active
                    """)
            case 2:
                breaks += 1
                // Somebody drops the slot: no reader comes back to it.
                _ = try? executioner.query(
                    """
                    SELECT pg_terminate_backend(active_pid, 1000), pg_drop_replication_slot(slot_name)
                    FROM pg_replication_slots WHERE database = current_database()
                    """)
            case 3: try eventually("it reads the log again") { relay.relay.currentStatus.readsLog }
            case 4: try eventually("all is out") { relay.relay.currentStatus.published == Int64(next) }
            default: break
            }
        }
        try eventually("all is stored") { try fixture.stored() == Int64(next) }
        #expect(try fixture.published() == Array(0..<next), "\(breaks) breaks")
        try eventually("it reads the log in the end") { relay.relay.currentStatus.readsLog }
        #expect(breaks > 0)
    }

    /// A transaction of many pages, whose reader is ended in the middle of it.
    @Test func aLargeTransactionIsGoneOnWithByWindows() throws {
        let fixture = try LoggedOutbox()
        let relay = try LogRelay(fixture.database, fixture.topic, pageSize: 5)
        defer { relay.end() }
        let (writer, executioner) = (try fixture.connect(), try fixture.connect())
        for round in 0..<2 {
            try eventually("it reads the log") { relay.relay.currentStatus.readsLog }
            let before = relay.relay.currentStatus.published
            try writer.transaction { try fixture.append(Array(round * 300..<(round + 1) * 300), on: $0) }
            try eventually("it is in the middle") { relay.relay.currentStatus.published > before }
            _ = try executioner.query(
                """
                SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots
                WHERE database = current_database() AND active
                """)
            try eventually("all is out") { try fixture.stored() == Int64((round + 1) * 300) }
        }
        #expect(try fixture.published() == Array(0..<600))
    }

    /// A backlog whose last page ends with the last row of a transaction: what is left of its window is nothing, and that
    /// says nothing of what was committed meanwhile.
    @Test func whatCommitsWhileABacklogEndsIsNotPassedOver() throws {
        let fixture = try LoggedOutbox()
        // Then a checkpoint is stored where windows take over, and nowhere before.
        let relay = try LogRelay(
            fixture.database, fixture.topic, pageSize: 5, checkpointInterval: .seconds(3_600))
        defer { relay.end() }
        try eventually("it reads the log") { relay.relay.currentStatus.readsLog }
        let (writer, holder) = (try fixture.connect(), try fixture.connect())
        try holder.transaction {
            _ = try $0.query("SELECT 1 FROM relay_checkpoints FOR UPDATE")
            try writer.transaction { try fixture.append(Array(0..<15), on: $0) }
            try eventually("three pages are out") { relay.relay.currentStatus.published == 15 }
            // Who leads can't store that before this one is committed.
            try fixture.append([15], on: writer)
        }
        try eventually("all is out") { relay.relay.currentStatus.published == 16 }
        try eventually("all is stored") { try fixture.stored() == 16 }
        #expect(try fixture.published() == Array(0..<16))
    }

    /// Who takes over reads by windows first, from the checkpoint that the log has left, and then the slot.
    @Test func aNewLeaderTakesTheSlotFromTheOldOne() throws {
        let fixture = try LoggedOutbox()
        let first = try LogRelay(fixture.database, fixture.topic, pageSize: 50)
        try eventually("it reads the log") { first.relay.currentStatus.readsLog }
        let writer = try fixture.connect()
        for id in 0..<20 { try fixture.append([id], on: writer) }
        try eventually("all is stored") { try fixture.stored() == 20 }
        let second = try LogRelay(fixture.database, fixture.topic, pageSize: 50)
        defer { second.end() }
        // The leader's own session is ended; its reader's lives on, until the next leader ends it.
        _ = try writer.query(
            """
            SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            """)
        for id in 20..<40 { try fixture.append([id], on: writer) }
        try eventually("one reads the log again") {
            first.relay.currentStatus.readsLog || second.relay.currentStatus.readsLog
        }
        first.end()
        for id in 40..<60 { try fixture.append([id], on: writer) }
        try eventually("the second one reads it") { second.relay.currentStatus.readsLog }
        try eventually("all is stored") { try fixture.stored() == 60 }
        var seen = Set<Int>()
        #expect(try fixture.published().filter { seen.insert($0).inserted } == Array(0..<60))
    }

    /// The server may forget what is stored as published, and nothing else.
    @Test func theSlotFollowsTheCheckpoint() throws {
        let fixture = try LoggedOutbox()
        let relay = try LogRelay(fixture.database, fixture.topic, pageSize: 50)
        defer { relay.end() }
        let writer = try fixture.connect()
        try eventually("it reads the log") { relay.relay.currentStatus.readsLog }
        try fixture.append([1], on: writer)
        let end = try writer.query("SELECT pg_current_wal_insert_lsn()::text").one().get(0, as: String.self)
        try eventually("the slot is behind it") {
            try writer.query(
                """
                SELECT 1 FROM pg_replication_slots
                WHERE database = current_database() AND confirmed_flush_lsn >= $1::text::pg_lsn
                """, [.text(end)]
            ).count == 1
        }
        #expect(try fixture.stored() == 1)
    }

    /// Neither tables nor slots are asked for anything.
    @Test(.waiting) func nothingIsAskedWhileNothingIsWritten() throws {
        let fixture = try LoggedOutbox()
        let counter = try ExchangeCounter(to: LogServer.shared.get())
        defer { counter.stop() }
        let database = try PostgresConfiguration(
            PostgresServer.url(port: counter.port, database: fixture.database.database ?? ""))
        let relay = try LogRelay(database, fixture.topic, pageSize: 50)
        defer { relay.end() }
        try eventually("it reads the log") { relay.relay.currentStatus.readsLog }
        let before = counter.exchanges
        StopSignal().wait(for: .milliseconds(1_500))
        #expect(counter.exchanges == before)
        try fixture.append([1], on: try fixture.connect())
        try eventually("it is out all the same") { try fixture.stored() == 1 }
        #expect(counter.exchanges > before)
    }

    /// The log tells of messages that wait for their time, so that nobody looks for them.
    @Test func scheduledMessagesGoOutInTime() throws {
        let fixture = try LoggedOutbox()
        let relay = try LogRelay(fixture.database, fixture.topic, pageSize: 50)
        defer { relay.end() }
        try eventually("it reads the log") { relay.relay.currentStatus.readsLog }
        let writer = try fixture.connect()
        for (id, milliseconds) in [(1, 0), (3, 1_500), (2, 300)] {
            _ = try writer.execute(
                """
                INSERT INTO scheduled_messages (due_at, tenant, topic, key, type, schema_version, data, metadata)
                VALUES (clock_timestamp() + make_interval(secs => $1 / 1000.0), 'default', $2, 'k', 'Happened', 1, '{}',
                        $3::text::json)
                """,
                [
                    .int8(Int64(milliseconds)), .text(fixture.topic.name),
                    .text(#"{"id":"\#(id)","source":"/test","correlationId":"c"}"#),
                ])
        }
        try eventually("all are out") { try fixture.stored() == 3 }
        #expect(try fixture.published() == [1, 2, 3])
        #expect(relay.relay.currentStatus.readsLog)
    }

    /// Where the log can't be read windows go on, and it is said why.
    @Test func windowsGoOnWithoutALog() throws {
        let fixture = try LoggedOutbox(isPrepared: false)
        let relay = try LogRelay(fixture.database, fixture.topic, pageSize: 50)
        defer { relay.end() }
        let writer = try fixture.connect()
        try fixture.append([1], on: writer)
        try eventually("it is out") { try fixture.stored() == 1 }
        try eventually("it says why") { relay.relay.currentStatus.fallback?.contains("orderflow migrate") == true }
        #expect(!relay.relay.currentStatus.readsLog && relay.relay.currentStatus.problem == nil)
        try RelaySlots.prepare(on: writer)
        try eventually(within: .seconds(60), "it reads the log") { relay.relay.currentStatus.readsLog }
        #expect(relay.relay.currentStatus.fallback == nil)
        try fixture.append([2], on: writer)
        try eventually("both are out") { try fixture.stored() == 2 }
        #expect(try fixture.published() == [1, 2])
    }

    /// A role that may not replicate, as after an update whose `migrate` had no administrator.
    @Test func aRoleWithoutTheAttributeReadsByWindows() throws {
        let fixture = try LoggedOutbox()
        let administrator = try fixture.connect()
        let role = "plain_\(UInt32.random(in: 0...UInt32.max))"
        try administrator.script(
            """
            CREATE ROLE \(role) LOGIN PASSWORD '\(PostgresServer.password)';
            GRANT ALL ON ALL TABLES IN SCHEMA public TO \(role);
            """)
        let relay = try LogRelay(
            fixture.database.with(user: role), fixture.topic, pageSize: 50)
        defer { relay.end() }
        try fixture.append([1], on: administrator)
        try eventually("it is out") { try fixture.stored() == 1 }
        try eventually("it says why") { relay.relay.currentStatus.fallback?.contains("replication") == true }
        try administrator.script("ALTER ROLE \(role) REPLICATION")
        try eventually(within: .seconds(60), "it reads the log") { relay.relay.currentStatus.readsLog }
    }

    /// What is made is taken away again, and a slot in use is named.
    @Test func slotsAreDroppedWhenSwitchedOff() throws {
        let fixture = try LoggedOutbox()
        let connection = try fixture.connect()
        #expect(try RelaySlots.prepare(on: connection).map(\.name) == ["outbox"], "twice is once")
        let relay = try LogRelay(fixture.database, fixture.topic, pageSize: 50)
        try eventually("it reads the log") { relay.relay.currentStatus.readsLog }
        let database = fixture.database.database ?? ""
        let server = try Connection(PostgresConfiguration(try LogServer.shared.get().url()), logger: quiet)
        #expect(try RelaySlots.dropAll(of: database, on: server).count == 1)
        relay.end()
        try eventually("it is dropped") { try RelaySlots.dropAll(of: database, on: server).isEmpty }
        try RelaySlots.remove(on: connection)
        #expect(try connection.query("SELECT 1 FROM pg_replication_slots WHERE database = current_database()").isEmpty)
        #expect(try connection.query("SELECT 1 FROM pg_publication").isEmpty)
    }
}
