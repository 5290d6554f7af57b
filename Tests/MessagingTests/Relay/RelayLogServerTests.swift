import Execution
import Postgres
import TestServers
import Testing

@testable import Messaging

/// A relay that reads the log, where it is the server that breaks: one of its own, for it is broken here.
@Suite(.blocking, .servers, .serialized) struct RelayLogServerTests {
    /// Gives up every slot that keeps more of its log than the segment being written.
    private static let server = Result { try PostgresServer.start(settings: ["max_slot_wal_keep_size=1MB"]) }

    /// The server takes the slot from beneath its reader. Windows go on, and say why, for as long as no other slot can be
    /// made.
    @Test func aSlotThatIsGivenUpByItsSizeIsMadeAnew() throws {
        let server = try Self.server.get()
        let outbox = try LoggedOutbox(on: Self.server)
        let relay = try LogRelay(outbox.database, outbox.topic, pageSize: 50)
        defer { relay.end() }
        let writer = try outbox.connect()
        try eventually("it reads the log") { relay.relay.currentStatus.readsLog }
        let slot = try #require(try outbox.slot())
        let transaction = try server.openTransaction()
        defer { transaction.stop() }
        var next = 0
        func append() throws {
            try outbox.append([next], on: writer)
            next += 1
        }
        // Its reader may be as fast as the checkpoint, once or twice.
        try eventually("the server gives the slot up") {
            for _ in 0..<3 {
                try append()
                _ = try writer.query("SELECT pg_switch_wal()")
            }
            try writer.script("CHECKPOINT")
            return try writer.query(
                "SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND wal_status <> 'lost'", [.text(slot)]
            ).isEmpty
        }
        #expect(server.log.contains("invalidating") && server.log.contains(slot))
        try eventually("it says that it has no slot") {
            guard let reason = relay.relay.currentStatus.fallback else { return false }
            return reason.contains("another one is made") || reason.contains("a slot can't be made")
        }
        for _ in 0..<20 { try append() }
        try eventually("windows go on") { try outbox.stored() == Int64(next) }
        #expect(!relay.relay.currentStatus.readsLog && relay.relay.currentStatus.problem == nil)

        try server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'transaction'")
        try eventually(within: .seconds(60), "it reads the log again") { relay.relay.currentStatus.readsLog }
        #expect(try outbox.slot() != slot && relay.relay.currentStatus.fallback == nil)
        for _ in 0..<20 { try append() }
        try eventually("all is stored") { try outbox.stored() == Int64(next) }
        #expect(try outbox.published() == Array(0..<next))
    }

    /// No session ends in order, and what the slot had been told since its server's last checkpoint is forgotten.
    @Test func aServerThatIsStoppedAtOnceIsGoneOnWith() throws {
        let server = try Self.server.get()
        let outbox = try LoggedOutbox(on: Self.server)
        let relay = try LogRelay(outbox.database, outbox.topic, pageSize: 5)
        defer { relay.end() }
        var next = 0
        for round in 0..<3 {
            try eventually("it reads the log") { relay.relay.currentStatus.readsLog }
            let writer = try outbox.connect()
            for count in [1, 12, 3] {
                try writer.transaction { try outbox.append(Array(next..<next + count), on: $0) }
                next += count
            }
            // In the middle of it, and afterwards.
            if round == 1 { try eventually("all is out") { relay.relay.currentStatus.published == Int64(next) } }
            try server.stopImmediately()
            try server.restart()
        }
        try eventually("all is stored") { try outbox.stored() == Int64(next) }
        try eventually("it reads the log") { relay.relay.currentStatus.readsLog }
        #expect(try outbox.published() == Array(0..<next))
    }

    /// The standby has the tables, and so the checkpoint, and no slot.
    @Test func aPromotedStandbyIsReadByWindowsUntilItHasASlot() throws {
        let primary = try Self.server.get()
        let outbox = try LoggedOutbox(on: Self.server)
        let standby = try primary.standby()
        defer { standby.stop() }
        let name = outbox.database.database ?? ""
        let either = try PostgresConfiguration(
            "postgresql://postgres:\(PostgresServer.password)@127.0.0.1:\(primary.port),127.0.0.1:\(standby.port)/\(name)"
                + "?target_session_attrs=read-write")
        let relay = try LogRelay(either, outbox.topic, pageSize: 5)
        defer { relay.end() }
        try eventually("it reads the log") { relay.relay.currentStatus.readsLog }
        let slot = try #require(try outbox.slot())
        let writer = try outbox.connect()
        for id in 0..<20 { try outbox.append([id], on: writer) }
        try eventually("all is stored") { try outbox.stored() == 20 }
        // What the relay stores of these may be behind what the standby gets.
        try writer.transaction { try outbox.append(Array(20..<40), on: $0) }
        let end = try writer.query("SELECT pg_current_wal_lsn()::text").one().get(0, as: String.self)
        try eventually("the standby has all of it") {
            try standby.query("SELECT pg_last_wal_replay_lsn() >= '\(end)'") == [["t"]]
        }
        try primary.kill()
        defer { try? primary.restart() }
        try standby.execute("SELECT pg_promote()")
        let after = try Connection(try PostgresConfiguration(standby.url(database: name)), logger: quiet)
        try after.transaction { try outbox.append(Array(40..<50), on: $0) }
        func stored() throws -> [String] {
            let row = try after.query("SELECT published, (SELECT slot FROM relay_slots) FROM relay_checkpoints").one()
            return ["\(try row.get(0, as: Int64.self))", try row.get(1, as: String?.self) ?? ""]
        }
        try eventually("all is stored by the new primary") { try stored()[0] == "50" }
        try eventually(within: .seconds(60), "it reads the log of the new primary") {
            try relay.relay.currentStatus.readsLog && !["", slot].contains(stored()[1])
        }
        try after.transaction { try outbox.append([50], on: $0) }
        try eventually("it is stored") { try stored()[0] == "51" }
        #expect(try outbox.published() == Array(0..<51))
    }
}
