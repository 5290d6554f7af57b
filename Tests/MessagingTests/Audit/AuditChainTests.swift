import Execution
import Postgres
import Randomness
import TestServers
import Testing

@testable import Messaging

/// The log on a real server: what is written is chained, and what is done to it behind its back is found.
@Suite(.blocking, .servers) struct AuditChainTests {
    private let database: PostgresConfiguration
    private let connection: Connection

    init() throws {
        database = try freshDatabase(MessagingSchema.audit)
        connection = try Connection(database, logger: quiet)
    }

    private static func entry(_ object: String) -> AuditEntry {
        AuditEntry(by: .ann, .stockSet, on: object, tenant: "acme", reason: "counted", detail: Array(#"{"n":1}"#.utf8))
    }

    private func fill(_ count: Int) throws {
        for number in 1...count { try AuditLog.append(Self.entry("a\(number)"), on: connection) }
    }

    private func flaws(noted: AuditChain.Head? = nil) throws -> [AuditChain.Flaw] {
        try AuditChain.flaws(noted: noted, on: connection)
    }

    /// As who owns the tables, and takes the guards away.
    private func tamper(_ sql: String) throws {
        try connection.script(
            """
            ALTER TABLE audit DISABLE TRIGGER ALL; ALTER TABLE audit_head DISABLE TRIGGER ALL;
            \(sql);
            ALTER TABLE audit ENABLE TRIGGER ALL; ALTER TABLE audit_head ENABLE TRIGGER ALL;
            """)
    }

    @Test func whatIsAppendedIsReadBackInItsOrder() throws {
        let entries = [
            AuditEntry(by: .mo, .groupReset, on: "shipping-group"),
            AuditEntry(by: .bob, .lettersDiscarded, on: "", tenant: "acme", reason: "", detail: Array("{}".utf8)),
            Self.entry("Ärger \u{1F4A5} 'quoted', with a comma: and \"more\" \\ $1"),
        ]
        try AuditLog.append(entries, on: connection)
        let records = try AuditLog.page(limit: 10, on: connection)
        #expect(records.map(\.position) == [1, 2, 3])
        #expect(records.map(\.act) == ["groups.reset", "deadletters.discard", "stock.set"])
        #expect(records.map(\.actor) == ["mo", "root", "ann"] && records.map(\.alias) == [nil, "bob", nil])
        #expect(records.map(\.actorKind) == ["os", "os", "token"])
        #expect(records.map(\.origin) == ["a machine", "a machine", "192.0.2.1"])
        #expect(records.map(\.object) == entries.map(\.object))
        #expect(records.map(\.tenant) == [nil, "acme", "acme"] && records.map(\.reason) == [nil, "", "counted"])
        #expect(records.map(\.detail) == [nil, "{}", #"{"n":1}"#])
        let now = try connection.query("SELECT clock_timestamp()").one().get(0, as: Timestamp.self).microseconds
        #expect(records.map(\.at) == records.map(\.at).sorted() && (records.last?.at ?? .max) <= now)
        #expect(try AuditChain.head(on: connection) == .init(position: 3, hash: try #require(records.last).hash))
        #expect(try flaws().isEmpty)
        #expect(try AuditLog.newest(limit: 2, on: connection).map(\.position) == [3, 2])
    }

    @Test func aLogWithoutRecordsIsWhole() throws {
        #expect(try flaws().isEmpty)
        #expect(try flaws(noted: AuditChain.head(on: connection)).isEmpty)
    }

    /// The server's text of a record is the program's, whatever is in it.
    @Test func anyRecordIsHashedAlike() throws {
        var random = SeededGenerator.fromEnvironment()
        let pieces = [
            "", "a", "1:a,", "-,", "é", "\u{1F4A5}", "\u{301}", "'", "\\", "{\"a\":null}", " ", "\u{202E}", "\n",
        ]
        func text() -> String {
            (0..<Int.random(in: 0...4, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
        }
        func perhaps() -> String? { Bool.random(using: &random) ? text() : nil }
        for _ in 0..<60 {
            try AuditLog.append(
                (0..<Int.random(in: 1...20, using: &random)).map { _ in
                    AuditEntry(
                        by: AuditActor(text(), kind: .key, origin: text(), alias: perhaps()),
                        AuditAct(rawValue: text()), on: text(), tenant: perhaps(), reason: perhaps(),
                        detail: perhaps().map { Array($0.utf8) })
                }, on: connection)
        }
        #expect(try flaws().isEmpty, "seed \(random.seed)")
    }

    @Test func whatIsTooLongIsCut() throws {
        try AuditLog.append(
            AuditEntry(by: .ann, .refused, on: String(repeating: "\u{1F4A5}", count: 1_000)), on: connection)
        let record = try #require(try AuditLog.page(limit: 1, on: connection).first)
        #expect(record.object == String(repeating: "\u{1F4A5}", count: 250))
        #expect(try flaws().isEmpty)
    }

    /// Writers at once, some of which roll back: no gap, no fork, and each committed entry once.
    @Test func writersAtOnceMakeOneChain() throws {
        let (writers, rounds) = (6, 40)
        struct GaveUp: Error {}
        let database = database
        let threads = (0..<writers).map { writer in
            Companion {
                let own = try Connection(database, logger: quiet)
                defer { own.close() }
                for round in 0..<rounds {
                    do {
                        try own.transaction { connection in
                            try AuditLog.append(
                                [Self.entry("\(writer)/\(round)"), Self.entry("\(writer)/\(round)+")], on: connection)
                            if round % 4 == 3 { throw GaveUp() }
                        }
                    } catch is GaveUp {}
                }
            }
        }
        for thread in threads { try thread.value() }
        let records = try AuditLog.page(limit: 1_000, on: connection)
        let expected = (0..<writers).flatMap { writer in
            (0..<rounds).filter { $0 % 4 != 3 }.flatMap { ["\(writer)/\($0)", "\(writer)/\($0)+"] }
        }
        #expect(records.map(\.object).sorted() == expected.sorted())
        #expect(records.map(\.position) == Array(1...Int64(expected.count)))
        #expect(try flaws().isEmpty)
    }

    // MARK: The guards

    @Test(arguments: [
        "UPDATE audit SET reason = 'another'", "UPDATE audit SET reason = 'another' WHERE false", "DELETE FROM audit",
        "TRUNCATE audit", "UPDATE audit_head SET position = 0", "DELETE FROM audit_head", "TRUNCATE audit_head",
        "INSERT INTO audit_head (only_one, position, hash) VALUES (true, 0, '')",
        "WITH gone AS (DELETE FROM audit RETURNING 1) SELECT 1",
    ])
    func nothingButAppendingIsPossible(_ sql: String) throws {
        try fill(2)
        let before = try AuditLog.page(limit: 10, on: connection)
        #expect(throws: PostgresError.self) { try connection.script(sql) }
        #expect(try AuditLog.page(limit: 10, on: connection) == before && flaws().isEmpty)
    }

    /// Place, time and hash are the server's, whatever a writer says.
    @Test func aWriterCannotChooseItsPlace() throws {
        try fill(1)
        try connection.script(
            """
            INSERT INTO audit (position, at, actor, actor_kind, origin, act, object, hash)
            VALUES (77, '2001-01-01', 'eve', 'os', '', 'stock.set', 'x', '\\x00')
            """)
        let record = try #require(try AuditLog.newest(limit: 1, on: connection).first)
        #expect(record.position == 2 && record.at > 1_000_000_000_000_000 && record.hash.count == 32)
        #expect(try flaws().isEmpty)
    }

    /// The right to insert is all that a writer needs, and all that it has.
    @Test func aRoleThatMayOnlyInsertAppends() throws {
        let role = "auditor_\(UInt32.random(in: 0 ... .max))"
        try connection.script("CREATE ROLE \(role); GRANT INSERT ON audit TO \(role)")
        try connection.transaction { connection in
            try connection.script("SET LOCAL ROLE \(role)")
            try AuditLog.append(Self.entry("a"), on: connection)
        }
        for sql in ["SELECT 1 FROM audit", "SELECT 1 FROM audit_head", "UPDATE audit_head SET position = 9"] {
            #expect(throws: PostgresError.self, "\(sql)") {
                try connection.transaction { connection in
                    try connection.script("SET LOCAL ROLE \(role)")
                    try connection.script(sql)
                }
            }
        }
        #expect(try AuditLog.page(limit: 10, on: connection).map(\.object) == ["a"])
        #expect(try flaws().isEmpty)
        try connection.script("DROP OWNED BY \(role); DROP ROLE \(role)")
    }

    // MARK: Tampering

    @Test(arguments: [
        ("at", "at + interval '1 microsecond'"), ("actor", "'mallory'"), ("actor_kind", "'os'"), ("origin", "''"),
        ("alias", "'mallory'"), ("tenant", "NULL"), ("act", "'stock.sett'"), ("object", "object || ' '"),
        ("reason", "NULL"), ("detail", "'{\"n\":2}'"), ("hash", "sha256(hash)"), ("position", "position + 1000"),
    ])
    func aChangeOfAnyColumnIsFound(_ column: String, _ value: String) throws {
        try fill(5)
        for position in [1, 3, 5] {
            let before = try AuditLog.page(limit: 10, on: connection)
            try tamper("UPDATE audit SET \(column) = \(value) WHERE position = \(position)")
            #expect(try AuditLog.page(limit: 10, on: connection) != before)
            let found = try flaws()
            #expect(!found.isEmpty, "record \(position)")
            if column != "position" { #expect(found.first?.position == Int64(position), "\(found)") }
            // As it was.
            let record = before[position - 1]
            try tamper("DELETE FROM audit WHERE position IN (\(position), \(position + 1000))")
            try restore(record)
            #expect(try flaws().isEmpty)
        }
    }

    private func restore(_ record: AuditRecord) throws {
        try connection.script("ALTER TABLE audit DISABLE TRIGGER ALL")
        _ = try connection.execute(
            "INSERT INTO audit (\(AuditRecord.columns)) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            [
                .int8(record.position), .timestamp(Timestamp(microseconds: record.at)), .text(record.actor),
                .text(record.actorKind), .text(record.origin), .text(record.alias), .text(record.tenant),
                .text(record.act), .text(record.object), .text(record.reason), .text(record.detail),
                .bytes(record.hash),
            ])
        try connection.script("ALTER TABLE audit ENABLE TRIGGER ALL")
    }

    @Test(arguments: [
        ("DELETE FROM audit WHERE position = 1", "record 1 is missing"),
        ("DELETE FROM audit WHERE position IN (2, 3)", "records 2 to 3 are missing"),
        ("DELETE FROM audit WHERE position > 3", "records 4 to 5 are missing at the end"),
        ("DELETE FROM audit", "records 1 to 5 are missing at the end"),
        ("DELETE FROM audit_head", "the head of the log is gone"),
        ("UPDATE audit_head SET hash = sha256('')", "the last record isn't the one that the head names"),
        (
            "INSERT INTO audit SELECT 0, at, actor, actor_kind, origin, alias, tenant, act, object, reason, detail, hash "
                + "FROM audit WHERE position = 1", "record 0 has no place in the log"
        ),
        (
            "UPDATE audit SET position = -position; UPDATE audit SET position = CASE position WHEN -2 THEN 3 WHEN -3 "
                + "THEN 2 ELSE -position END", "record 2 was changed, or the one before it"
        ),
        (
            "DELETE FROM audit WHERE position = 3; UPDATE audit SET position = position - 1 WHERE position > 3",
            "record 3 was changed, or the one before it"
        ),
    ])
    func whatIsTakenAwayPutInOrMovedIsFound(_ sql: String, _ flaw: String) throws {
        try fill(5)
        try tamper(sql)
        #expect(try flaws().first?.description == flaw)
    }

    /// What the chain alone can't tell: its owner cuts it off and says that it ends there.
    @Test func aNotedHeadTellsWhatTheChainCannot() throws {
        try fill(3)
        let noted = try AuditChain.head(on: connection)
        try fill(2)
        #expect(try flaws(noted: noted).isEmpty)
        try tamper(
            """
            DELETE FROM audit WHERE position > 2;
            UPDATE audit_head SET position = 2, hash = (SELECT hash FROM audit WHERE position = 2)
            """)
        #expect(try flaws().isEmpty)
        let found = try flaws(noted: noted)
        #expect(found.map(\.description) == ["the record that was noted as the head isn't there"])
        // Another one in its place is another one.
        try fill(1)
        #expect(try flaws(noted: noted).count == 1)
    }

    /// More records than are read at a time, and a limit to what is told.
    @Test func aLongLogIsReadInParts() throws {
        try AuditLog.append((1...2_500).map { Self.entry("\($0)") }, on: connection)
        #expect(try flaws().isEmpty)
        try tamper("UPDATE audit SET object = 'x' WHERE position % 10 = 0")
        #expect(try flaws().count == 100)
        #expect(try AuditChain.flaws(limit: 1_000, on: connection).count == 250)
    }

    @Test func recordsAreFoundByWhoWhatWhenAndTenant() throws {
        try AuditLog.append(
            [
                Self.entry("a"), AuditEntry(by: .mo, .lettersRetried, on: "g"),
                AuditEntry(by: .mo, .lettersDiscarded, on: "g", tenant: "other"),
            ], on: connection)
        func found(_ change: (inout AuditLog.Filter) -> Void) throws -> [Int64] {
            var filter = AuditLog.Filter()
            change(&filter)
            return try AuditLog.page(filter, limit: 10, on: connection).map(\.position)
        }
        #expect(try found { $0.actor = "mo" } == [2, 3])
        #expect(try found { $0.act = "deadletters" } == [2, 3])
        #expect(try found { $0.act = "deadletters.retry" } == [2])
        #expect(try found { $0.act = "deadletter" } == [])
        #expect(try found { $0.tenant = "acme" } == [1])
        let times = try AuditLog.page(limit: 10, on: connection).map(\.at)
        #expect(try found { $0.since = times[1] } == [2, 3])
        #expect(try found { $0.until = times[1] } == [1])
        #expect(try found { $0.until = times[0] } == [])
    }
}
