import Foundation
import Postgres
import TestServers
import Testing

/// Sessions that act for one tenant at a time, on tables with row policies.
@Suite(.blocking, .servers) struct TenantScopeTests {
    /// A table that a role of its own sees by tenant, with a row of each of two.
    private struct Notes {
        let admin: PostgresConfiguration
        /// Of the role.
        let visitor: PostgresConfiguration

        init() throws {
            admin = try freshDatabase()
            let role = "visitor_\(UInt64.random(in: 0...UInt64.max))"
            let connection = try Connection(admin, logger: quiet)
            defer { connection.close() }
            try connection.script(
                """
                CREATE TABLE notes (tenant text NOT NULL, body text NOT NULL);
                INSERT INTO notes VALUES ('a', 'of a'), ('b', 'of b');
                CREATE ROLE \(role) LOGIN PASSWORD 'x';
                GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO \(role);
                ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
                CREATE POLICY own ON notes TO \(role) USING (tenant = current_setting('notes.tenant', true));
                """)
            var visitor = admin.with(user: role, password: "x")
            visitor.tenantVariable = "notes.tenant"
            self.visitor = visitor
        }
    }

    private static func bodies(_ connection: Connection) throws -> [String] {
        try connection.query("SELECT body FROM notes ORDER BY body").map { try $0.get(0) }
    }

    @Test func seesTheRowsOfTheTenantItActsFor() throws {
        let connection = try Connection(Notes().visitor, logger: quiet)
        for tenant in ["a", "b", "b", "a"] {
            #expect(try connection.acting(for: tenant) { try Self.bodies($0) } == ["of \(tenant)"])
            #expect(
                try connection.acting(for: tenant) { connection in
                    try connection.transaction(.repeatableRead) { try Self.bodies($0) }
                } == ["of \(tenant)"])
            #expect(
                try connection.acting(for: tenant) { connection in
                    try connection.transaction { connection in
                        try connection.savepoint { try Self.bodies($0) }
                    }
                } == ["of \(tenant)"])
            #expect(
                try connection.acting(for: tenant) { try $0.pipeline { $0.query("SELECT body FROM notes") } }
                    .map { try $0.map { try $0.get(0, as: String.self) } } == [["of \(tenant)"]])
            #expect(
                try connection.acting(for: tenant) { connection in
                    var copied: [UInt8] = []
                    try connection.copyOut("COPY (SELECT body FROM notes) TO STDOUT") { copied += $0 }
                    return String(decoding: copied, as: UTF8.self)
                } == "of \(tenant)\n")
        }
    }

    /// Nothing that a pool gives back, or that forgets to say for whom, reads another's rows.
    @Test func runsNothingForNobody() throws {
        let connection = try Connection(Notes().visitor, logger: quiet)
        #expect(try connection.acting(for: "a") { try Self.bodies($0) } == ["of a"])
        #expect(failure { try Self.bodies(connection) }?.kind == .misuse)
        #expect(failure { try connection.execute("DELETE FROM notes") }?.kind == .misuse)
        #expect(failure { try connection.script("DELETE FROM notes") }?.kind == .misuse)
        #expect(failure { try connection.transaction { try Self.bodies($0) } }?.kind == .misuse)
        #expect(failure { try connection.pipeline { $0.query("SELECT 1") } }?.kind == .misuse)
        #expect(failure { try connection.copyOut("COPY notes TO STDOUT") { _ in } }?.kind == .misuse)
        let changed = failure {
            try connection.acting(for: "a") { connection in
                try connection.transaction { connection in
                    _ = try Self.bodies(connection)
                    try connection.acting(for: "b") { _ = try Self.bodies($0) }
                }
            }
        }
        #expect(changed?.kind == .misuse)
        #expect(try connection.acting(for: "b") { try Self.bodies($0) } == ["of b"])
    }

    /// What sets the tenant is undone with the transaction that it was said in.
    @Test func saysItAgainAfterAFailure() throws {
        let connection = try Connection(Notes().visitor, logger: quiet)
        struct Changed: Error {}
        for round in 0..<3 {
            let tenant = round % 2 == 0 ? "a" : "b"
            #expect(
                failure { try connection.acting(for: tenant) { try $0.query("SELECT 1 / 0") } }?.sqlState
                    == SQLState("22012"))
            #expect(try connection.acting(for: tenant) { try Self.bodies($0) } == ["of \(tenant)"])
            let other = tenant == "a" ? "b" : "a"
            #expect(throws: Changed.self) {
                try connection.acting(for: other) { connection in
                    try connection.transaction { connection in
                        _ = try Self.bodies(connection)
                        throw Changed()
                    }
                }
            }
            #expect(try connection.acting(for: other) { try Self.bodies($0) } == ["of \(other)"])
            // One that the server has forgotten, and one that it was never told.
            try connection.acting(for: other) { try $0.script("RESET notes.tenant; DEALLOCATE ALL") }
            #expect(try connection.acting(for: tenant) { try Self.bodies($0) } == ["of \(tenant)"])
        }
    }

    /// As many answers are waited for as without tenants, however often the tenant changes.
    @Test func takesNoExchangeMore() throws {
        let counter = try ExchangeCounter(to: PostgresServer.shared.get())
        defer { counter.stop() }
        let notes = try Notes()
        func exchanges(_ configuration: PostgresConfiguration) throws -> [Int] {
            let target = PostgresServer.url(
                port: counter.port, database: configuration.database ?? "", user: configuration.user ?? "",
                password: configuration.password ?? "")
            var through = try PostgresConfiguration(target)
            through.tenantVariable = configuration.tenantVariable
            let connection = try Connection(through, logger: quiet)
            defer { connection.close() }
            return try (0..<12).map { round in
                let tenant = ["a", "b", "b"][round % 3]
                return try counter.exchanges {
                    try connection.acting(for: tenant) { connection in
                        switch round / 3 {
                        case 0: _ = try Self.bodies(connection)
                        case 1: try connection.transaction { _ = try Self.bodies($0) }
                        case 2:
                            try connection.transaction { connection in
                                _ = try Self.bodies(connection)
                                try connection.pipeline(committing: true) {
                                    $0.query("UPDATE notes SET body = body WHERE tenant = $1", [.text(tenant)])
                                }
                            }
                        default: try connection.pipeline { for _ in 0..<3 { $0.query("SELECT body FROM notes") } }
                        }
                    }
                }
            }
        }
        let plain = try exchanges(notes.admin)
        #expect(plain == [1, 1, 1, 2, 2, 2, 2, 2, 2, 1, 1, 1])
        #expect(try exchanges(notes.visitor) == plain)
    }
}
