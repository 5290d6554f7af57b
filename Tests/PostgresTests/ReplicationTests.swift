import Execution
import TestServers
import Testing

@testable import Postgres

/// A real server's log, read through slots. On a server of its own: a slot waits for whatever is open anywhere on its server.
@Suite(.blocking, .servers, .serialized) struct ReplicationTests {
    private static let server = Result { try PostgresServer.start() }

    private final class Fixture {
        let configuration: PostgresConfiguration
        let connection: Connection
        let slot: MadeSlot
        let session: ReplicationConnection

        init() throws {
            configuration = try PostgresConfiguration(try ReplicationTests.server.get().createDatabase())
            connection = try Connection(configuration, logger: quiet)
            try connection.script(
                """
                CREATE TABLE t (id bigint, name text, data json, raw bytea);
                CREATE TABLE other (id int);
                CREATE PUBLICATION p FOR TABLE t WITH (publish = 'insert');
                INSERT INTO t VALUES (0, 'before', NULL, NULL);
                """)
            let maker = try ReplicationConnection(configuration, logger: quiet)
            slot = try maker.createSlot(
                "slot_\(UInt32.random(in: 0...UInt32.max))", within: .seconds(20), until: StopSignal())
            maker.close()
            session = try ReplicationConnection(configuration, logger: quiet)
        }

        deinit {
            session.close()
            // A session that has just ended may have it for a moment still.
            for _ in 0..<100 {
                if (try? connection.query("SELECT pg_drop_replication_slot($1)", [.text(slot.name)])) != nil { return }
                StopSignal().wait(for: .milliseconds(20))
            }
        }

        func start(_ session: ReplicationConnection? = nil) throws {
            try (session ?? self.session).start(slot: slot.name, publication: "p")
        }

        /// Names of inserted rows, `(` and `)` around each transaction, up to so many transactions.
        func events(_ transactions: Int, from session: ReplicationConnection? = nil) throws -> [String] {
            let session = session ?? self.session
            var events: [String] = []
            try eventually("\(transactions) transactions come") {
                while try session.next({ message in
                    switch message {
                    case .begin: events.append("(")
                    case .commit: events.append(")")
                    case .insert(_, let tuple):
                        guard case .binary(let name) = tuple.values[1] else { throw MalformedMessage("text") }
                        events.append(String(decoding: name, as: UTF8.self))
                    case .relation, .other: break
                    }
                }) {}
                return events.count { $0 == ")" } >= transactions
            }
            return events
        }
    }

    /// In the order of commits, each whole, without what was rolled back, of other tables, or changed.
    @Test func committedRowsComeInTheOrderOfCommits() throws {
        let fixture = try Fixture()
        try fixture.start()
        let (one, two) = (fixture.connection, try Connection(fixture.configuration, logger: quiet))
        try one.script("BEGIN; INSERT INTO t VALUES (1, 'one-a', '{}', '\\x00ff')")
        try two.script("BEGIN; INSERT INTO t VALUES (2, 'two', NULL, NULL); INSERT INTO other VALUES (1); COMMIT")
        try two.script("BEGIN; INSERT INTO t VALUES (3, 'never', NULL, NULL); ROLLBACK")
        try one.script("INSERT INTO t VALUES (4, 'one-b', NULL, NULL); COMMIT")
        try two.script("UPDATE t SET name = 'x' WHERE id = 2; DELETE FROM t WHERE id = 2")
        try two.script("INSERT INTO t VALUES (5, 'last', NULL, NULL)")
        let events = try fixture.events(3).filter { $0 != "(" }
        #expect(events == ["two", ")", "one-a", "one-b", ")", "last", ")"])
    }

    /// What was confirmed isn't sent again, and what wasn't is.
    @Test func aNewSessionGoesOnBehindWhatWasConfirmed() throws {
        let fixture = try Fixture()
        try fixture.start()
        for name in ["a", "b", "c"] {
            try fixture.connection.execute("INSERT INTO t (name) VALUES ($1)", [.text(name)])
        }
        _ = try fixture.events(1)
        let end = fixture.session.received
        try fixture.session.confirm(end)
        // A server may never read what a session said last that ended with something still under way to it.
        try eventually("the server has it") {
            try fixture.connection.query(
                "SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND confirmed_flush_lsn = $2::text::pg_lsn",
                [.text(fixture.slot.name), .text("\(end)")]
            ).count == 1
        }
        fixture.session.close()
        let next = try ReplicationConnection(fixture.configuration, logger: quiet)
        defer { next.close() }
        try eventually("the slot is free") {
            try fixture.connection.query(
                "SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND NOT active", [.text(fixture.slot.name)]
            ).count == 1
        }
        try fixture.start(next)
        try fixture.connection.execute("INSERT INTO t (name) VALUES ('d')")
        let rest = try fixture.events(1, from: next)
        #expect(!rest.contains("a") && rest.contains { ["b", "c", "d"].contains($0) })
    }

    /// The snapshot of a new slot sees what isn't sent, and nothing besides.
    @Test func aSlotsSnapshotIsItsBeginning() throws {
        let fixture = try Fixture()
        try fixture.connection.execute("INSERT INTO t (name) VALUES ('after')")
        let sees = try fixture.connection.query(
            """
            SELECT name FROM t WHERE pg_visible_in_snapshot(xmin::text::xid8, $1::text::pg_snapshot)
            """, [.text(fixture.slot.snapshot)]
        ).map { try $0.get(0, as: String.self) }
        #expect(sees == ["before"])
        try fixture.start()
        #expect(try fixture.events(1) == ["(", "after", ")"])
    }

    @Test func aSlotHasOneReader() throws {
        let fixture = try Fixture()
        try fixture.start()
        let second = try ReplicationConnection(fixture.configuration, logger: quiet)
        defer { second.close() }
        let error = failure { try fixture.start(second) }
        #expect(error?.sqlState?.code == "55006")
        // Its session is ended from outside.
        _ = try fixture.connection.query("SELECT pg_terminate_backend($1)", [.int4(fixture.session.processID)])
        try eventually("the reader hears of it") {
            do {
                _ = try fixture.session.next { _ in }
                return false
            } catch let error as PostgresError {
                return error.isConnectionLost
            }
        }
    }

    @Test func makingASlotEndsAtItsLimit() throws {
        let fixture = try Fixture()
        let open = try Connection(fixture.configuration, logger: quiet)
        try open.script("BEGIN; SELECT pg_current_xact_id()")
        let maker = try ReplicationConnection(fixture.configuration, logger: quiet)
        defer { maker.close() }
        let error = failure { try maker.createSlot("never", within: .milliseconds(100), until: StopSignal()) }
        #expect(error?.sqlState == .queryCanceled || error?.sqlState == .lockNotAvailable)
        try open.script("ROLLBACK")
        try eventually("no slot is left") {
            try fixture.connection.query("SELECT 1 FROM pg_replication_slots WHERE slot_name = 'never'").isEmpty
        }
    }

    /// Rows made by hand read as those of a statement do.
    @Test func builtRowsAreRows() throws {
        let builder = RowsBuilder(
            columns: [("n", TypeOID.int8), ("t", TypeOID.text), ("b", TypeOID.bytea)], source: "test")
        let number = withUnsafeBytes(of: Int64(42).bigEndian) { Array($0) }
        for index in 0..<300 {
            try number.withUnsafeBytes { number in
                try Array("żółć".utf8).withUnsafeBytes { text in
                    try builder.append([number, index == 1 ? nil : text, UnsafeRawBufferPointer(start: nil, count: 0)])
                }
            }
        }
        let rows = try builder.take()
        #expect(rows.count == 300 && builder.count == 0)
        #expect(try rows[0].get(0, as: Int64.self) == 42 && rows[299].get(1, as: String.self) == "żółć")
        #expect(rows[1].isNull(1) && !rows[0].isNull(2))
        #expect(try rows[0].get(2, as: [UInt8].self).isEmpty)
        #expect(try builder.take().isEmpty)
        #expect(throws: PostgresError.self) { try builder.append([nil]) }
    }
}
