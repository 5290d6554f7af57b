import Postgres
import Randomness
import TestServers
import Testing

@Suite(.blocking, .servers) struct CopyTests {
    struct Boom: Error {}
    static let fields: [[String?]] = [
        ["plain", "1"], ["", nil], ["tab\tnew\nline\rback\\slash", "\\N"], ["\\.", "żółć 🧑‍🚀"], [nil, nil],
        ["\u{1}\u{8}\u{b}", "\"'"],
    ]

    func table() throws -> Connection {
        let connection = try freshConnection()
        try connection.script("CREATE TABLE t (n serial, a text, b text)")
        return connection
    }

    func contents(_ connection: Connection) throws -> [[String?]] {
        try connection.query("SELECT a, b FROM t ORDER BY n").map { [try $0.get(0), try $0.get(1)] }
    }

    @Test func textRows() throws {
        let connection = try table()
        let count = try connection.copyIn("COPY t (a, b) FROM STDIN") { writer in
            for row in Self.fields { try writer.textRow(row) }
        }
        #expect(count == Self.fields.count)
        #expect(try contents(connection) == Self.fields)
    }

    @Test func binaryRows() throws {
        let connection = try table()
        try connection.script("CREATE TABLE many (a text, b int8, c jsonb, d timestamptz, e int8[], f uuid, g bytea)")
        let id = "00000000-0000-0000-0000-00000000000a"
        let count = try connection.copyIn("COPY many FROM STDIN (FORMAT binary)") { writer in
            for number in 0..<20_000 {
                try writer.row([
                    .text("row \(number)"), number % 7 == 0 ? .null : .int(number),
                    .jsonb(Array("{\"n\":\(number)}".utf8)),
                    .timestamp(Int64(number)), .int8Array([1, 2]), .uuid(id), .bytes([0, 255]),
                ])
            }
        }
        #expect(count == 20_000)
        let row = try connection.query(
            """
            SELECT count(*), count(b), sum((c->>'n')::int8)::int8, max(d), count(DISTINCT a)
            FROM many WHERE e = '{1,2}' AND f = $1 AND g = '\\x00ff'
            """, [.uuid(id)]
        ).one()
        #expect(try row.get(0, as: Int.self) == 20_000)
        #expect(try row.get(1, as: Int.self) == 20_000 - 2858)
        #expect(try row.get(2, as: Int.self) == 199_990_000)
        #expect(try row.get(3, as: Timestamp.self) == Timestamp(microseconds: 19_999))
        #expect(try row.get(4, as: Int.self) == 20_000)
        #expect(try connection.copyIn("COPY t FROM STDIN (FORMAT binary)") { _ in } == 0)
    }

    /// Field by field is as by parameters, byte for byte.
    @Test func binaryRowsFieldByField() throws {
        var generator = SeededGenerator.fromEnvironment("binaryRowsFieldByField")
        let connection = try table()
        try connection.script("CREATE TABLE one (a text, b text, c int4, d timestamptz); CREATE TABLE two (LIKE one)")
        let texts = ["", "a", "\u{1F600} \t\n\\N", String(repeating: "long", count: 40_000)]
        let rows = (0..<500).map { _ in
            (
                text: Bool.random(using: &generator) ? texts.randomElement(using: &generator) : nil,
                bytes: Array((texts.randomElement(using: &generator) ?? "").utf8),
                number: Int32.random(in: .min ... .max, using: &generator),
                time: Bool.random(using: &generator)
                    ? Int64.random(in: 0...4_000_000_000_000_000, using: &generator) : nil
            )
        }
        try connection.copyIn("COPY one FROM STDIN (FORMAT binary)") { writer in
            for row in rows {
                try writer.row([
                    .text(row.text), .text(utf8: row.bytes), .int4(row.number),
                    row.time.map { .timestamp($0) } ?? .null,
                ])
            }
        }
        let count = try connection.copyIn("COPY two FROM STDIN (FORMAT binary)") { writer in
            for row in rows {
                try writer.row(columns: 4) { fields in
                    fields.text(row.text)
                    row.bytes.withUnsafeBytes { fields.text(utf8: $0) }
                    fields.int4(row.number)
                    fields.timestamp(row.time)
                }
            }
        }
        #expect(count == rows.count)
        let differing = try connection.query(
            "SELECT count(*) FROM (TABLE one EXCEPT ALL TABLE two UNION ALL (TABLE two EXCEPT ALL TABLE one)) AS d"
        ).one().get(0, as: Int.self)
        #expect(differing == 0, "seed \(generator.seed)")
        for fields in [0, 3, 5] {
            let error = #expect(throws: PostgresError.self) {
                try connection.copyIn("COPY two FROM STDIN (FORMAT binary)") { writer in
                    try writer.row(columns: 4) { row in for _ in 0..<fields { row.null() } }
                }
            }
            #expect("\(try #require(error))".contains("a row of 4 columns with \(fields) fields"))
        }
        #expect(try connection.query("SELECT count(*) FROM two").one().get(0, as: Int.self) == rows.count)
    }

    @Test func outGivesWhatWentIn() throws {
        let connection = try table()
        try connection.copyIn("COPY t (a, b) FROM STDIN") { writer in
            for row in Self.fields { try writer.textRow(row) }
        }
        var bytes: [UInt8] = []
        let count = try connection.copyOut("COPY (SELECT a, b FROM t ORDER BY n) TO STDOUT") { bytes += $0 }
        #expect(count == Self.fields.count)
        try connection.script("TRUNCATE t")
        try connection.copyIn("COPY t (a, b) FROM STDIN") { try $0.write(bytes) }
        #expect(try contents(connection) == Self.fields)
    }

    /// Far more than any buffer between the two.
    @Test func largeBothWays() throws {
        let connection = try table()
        let line = Array("\(String(repeating: "x", count: 1000))\tb\n".utf8)
        let rows = 30_000
        let copied = try connection.copyIn("COPY t (a, b) FROM STDIN") { writer in
            for _ in 0..<rows { try writer.write(line) }
        }
        #expect(copied == rows)
        var size = 0
        try connection.copyOut("COPY t (a, b) TO STDOUT") { size += $0.count }
        #expect(size == rows * line.count)
    }

    @Test func badDataIsTheServersError() throws {
        let connection = try table()
        let error = failure {
            try connection.copyIn("COPY t (n, a) FROM STDIN") { try $0.textRow(["not a number", "x"]) }
        }
        #expect(error?.kind == .server(.invalidTextRepresentation))
        #expect(error?.context?.contains("line 1, column n") == true)
        #expect(try connection.count("t") == 0)
    }

    @Test func throwingAbandonsBothWays() throws {
        let connection = try table()
        #expect(throws: Boom.self) {
            try connection.copyIn("COPY t (a, b) FROM STDIN") { writer in
                for _ in 0..<10_000 { try writer.textRow(["a", "b"]) }
                throw Boom()
            }
        }
        #expect(try connection.count("t") == 0)
        #expect(throws: Boom.self) {
            try connection.copyOut("COPY (SELECT generate_series(1, 10000000)) TO STDOUT") { _ in throw Boom() }
        }
        #expect(try connection.query("SELECT 1").count == 1)
    }

    @Test func inATransaction() throws {
        let connection = try table()
        #expect(throws: Boom.self) {
            try connection.transaction { connection in
                try connection.copyIn("COPY t (a, b) FROM STDIN") { try $0.textRow(["a", "b"]) }
                #expect(try connection.count("t") == 1)
                throw Boom()
            }
        }
        #expect(try connection.count("t") == 0)
    }

    @Test func misuse() throws {
        let connection = try table()
        let during = failure {
            try connection.copyIn("COPY t (a, b) FROM STDIN") { _ in _ = try connection.query("SELECT 1") }
        }
        #expect(during?.kind == .misuse)
        #expect(
            failure { try connection.copyIn("COPY t (a, b) FROM STDIN") { try $0.row([.text("a"), .text("b")]) } }?.kind
                == .misuse)
        #expect(failure { try connection.copyIn("COPY missing FROM STDIN") { _ in } }?.kind == .server(.undefinedTable))
        #expect(try connection.query("SELECT 1").count == 1)
        // These can't be talked out of it, so the connection goes.
        #expect(failure { try connection.query("COPY t FROM STDIN") }?.kind == .misuse)
        #expect(!connection.isUsable)
        let second = try freshConnection()
        #expect(failure { try second.copyIn("SELECT 1") { _ in } }?.kind == .misuse)
    }

    @Test func cursorReadsInBatches() throws {
        let connection = try freshConnection()
        var sizes: [Int] = []
        var sum = 0
        try connection.readInBatches(of: 400, "SELECT generate_series(1, $1)", [.int(1000)]) { rows in
            sizes.append(rows.count)
            for row in rows {
                sum += try row.get(0, as: Int.self)
                // The connection is free meanwhile, another cursor included.
            }
            try connection.readInBatches(of: 2, "SELECT 'x', 'y' FROM generate_series(1, 3)") {
                #expect($0[0].columnCount == 2)
            }
        }
        #expect(sizes == [400, 400, 200])
        #expect(sum == 500_500)
        var calls = 0
        try connection.readInBatches(of: 10, "SELECT generate_series(1, 20)") { _ in calls += 1 }
        try connection.readInBatches(of: 10, "SELECT 1 WHERE false") { _ in calls += 1 }
        #expect(calls == 2)
        #expect(throws: Boom.self) {
            try connection.readInBatches(of: 1, "SELECT generate_series(1, 20)") { _ in throw Boom() }
        }
        try connection.transaction { connection in
            #expect(throws: Boom.self) {
                try connection.readInBatches(of: 1, "SELECT generate_series(1, 20)") { _ in throw Boom() }
            }
            var again: [String] = []
            try connection.readInBatches(of: 1, "SELECT 'again'") { again.append(try $0[0].get(0)) }
            #expect(again == ["again"])
            // The unnamed one is the query's own portal.
            #expect(try connection.count("pg_cursors WHERE name <> ''") == 0)
        }
    }
}
