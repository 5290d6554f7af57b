import Postgres
import Randomness
import TestServers
import Testing

@Suite(.blocking, .servers) struct CodecTests {
    static let strings = [
        "", " ", "plain", "O'Reilly", "\"quoted\"", "back\\slash", "{a,b}", "NULL", "tab\tnew\nline\r", "żółć",
        "🧑‍🚀 e\u{301}",
        "\u{1}\u{7f}", String(repeating: "x", count: 70_000),
    ]

    /// One value through `SELECT $1`, so that both codecs are tried against the server's.
    func roundTrip<Value: PostgresDecodable & Equatable>(
        _ parameter: Parameter, _ value: Value, _ connection: Connection, _ cast: String = ""
    ) throws {
        let rows = try connection.query("SELECT $1\(cast)", [parameter])
        #expect(try rows.one().get(0, as: Value.self) == value)
    }

    @Test func scalars() throws {
        let connection = try freshConnection()
        for value in [true, false] { try roundTrip(.bool(value), value, connection) }
        for value in [Int16.min, -1, 0, 1, .max] { try roundTrip(.int2(value), value, connection) }
        for value in [Int32.min, -1, 0, 1, .max] { try roundTrip(.int4(value), value, connection) }
        for value in [Int64.min, -1, 0, 1, .max] {
            try roundTrip(.int8(value), value, connection)
            try roundTrip(.int(Int(value)), Int(value), connection)
        }
        for value in [0, -0.0, 1.5, .infinity, -.infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude] {
            try roundTrip(.float8(value), value, connection)
        }
        #expect(try connection.query("SELECT $1", [.float8(.nan)]).one().get(0, as: Double.self).isNaN)
        for value in Self.strings {
            try roundTrip(.text(value), value, connection)
            try roundTrip(.text(value), value, connection, "::varchar")
            try roundTrip(.text(value), Array(value.utf8), connection)
        }
        for value in [[], [0], Array(0...255)] as [[UInt8]] { try roundTrip(.bytes(value), value, connection) }
        for value in [0, 1, UInt64.max] { try roundTrip(.xid8(value), value, connection) }
    }

    /// The server must see the same values, not only give back the same bytes.
    @Test func theServerAgrees() throws {
        let connection = try freshConnection()
        let row = try connection.query(
            """
            SELECT $1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text, $8::text, $9::text, $10::text
            """,
            [
                .int8(-5), .bool(true), .timestamp(1_700_000_000_123_456),
                .uuid("00112233-4455-6677-8899-AABBCCDDEEFF"),
                .bytes([1, 255]), .jsonb(Array(#"{"b":1,"a":[1.10]}"#.utf8)), .json(Array(#"{"b":1, "a":2}"#.utf8)),
                .textArrayOptional(["a", nil, "", "NULL", "q\"\\"]), .int8ArrayOptional([1, nil, -3]),
                .timestampArray([0, .max, .min]),
            ]
        ).one()
        let texts = try (0..<10).map { try row.get($0, as: String.self) }
        let zone = try connection.query("SELECT $1::timestamptz::text", [.timestamp(1_700_000_000_123_456)]).one().get(
            0, as: String.self)
        #expect(texts[0...1] == ["-5", "true"])
        #expect(texts[2] == zone)
        #expect(
            texts[3...8] == [
                "00112233-4455-6677-8899-aabbccddeeff", "\\x01ff", #"{"a": [1.10], "b": 1}"#, #"{"b":1, "a":2}"#,
                #"{a,NULL,"","NULL","q\"\\"}"#, "{1,NULL,-3}",
            ])
        #expect(texts[9].hasSuffix(",infinity,-infinity}"))
    }

    @Test func timestamps() throws {
        let connection = try freshConnection()
        for microseconds in [0, 1, -1, 1_700_000_000_123_456, 253_402_300_799_999_999, -62_135_596_800_000_000]
            as [Int64]
        {
            let value = Timestamp(microseconds: microseconds)
            try roundTrip(.timestamp(microseconds), value, connection)
            let text = try connection.query(
                #"SELECT to_char($1 AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"#, [.timestamp(value)]
            ).one().get(0, as: String.self)
            #expect(value.description == text)
        }
        try roundTrip(.timestamp(Timestamp.distantFuture), Timestamp.distantFuture, connection)
        try roundTrip(.timestamp(Timestamp.distantPast), Timestamp.distantPast, connection)
        let infinite = try connection.query("SELECT $1::text", [.timestamp(.distantFuture)]).one().get(
            0, as: String.self)
        #expect(infinite == "infinity")
    }

    @Test(arguments: [
        "0", "1", "-1", "49.99", "0.00001", "-0.10", "10000", "100000000", "99999999999999999999.000000000001",
        "1.50000",
        "0.0000", "12345678.90", "NaN", "Infinity", "-Infinity", "1e100", "1e-30", "10001.0001",
    ])
    func numericsExactly(_ text: String) throws {
        let connection = try freshConnection()
        let row = try connection.query("SELECT $1::text::numeric, $1::text::numeric::text", [.text(text)]).one()
        #expect(try row.get(0, as: String.self) == row.get(1, as: String.self))
    }

    @Test func uuids() throws {
        let connection = try freshConnection()
        let text = "0190a5b4-7c1e-7d2f-8abc-0123456789ab"
        try roundTrip(.uuid(text), text, connection)
        let bytes = try connection.query("SELECT $1", [.uuid(text.uppercased())]).one().get(0, as: [UInt8].self)
        #expect(bytes.count == 16 && bytes[0] == 1 && bytes[15] == 0xab)
        try roundTrip(.uuid(bytes: bytes), text, connection)
        try roundTrip(.uuidArrayOptional([text, nil]), [text, nil], connection)
        for wrong in ["", "x", text + "0", "0190a5b4-7c1e-7d2f-8abc-0123456789ag", String(text.dropLast())] {
            #expect(failure { try connection.query("SELECT $1", [.uuid(wrong)]) }?.kind == .decoding)
            #expect(failure { try connection.query("SELECT $1", [.uuidArray([text, wrong])]) }?.kind == .decoding)
        }
        #expect(failure { try connection.query("SELECT $1", [.uuid(bytes: [1])]) }?.kind == .decoding)
        #expect(try connection.query("SELECT 1").count == 1)
    }

    @Test func arrays() throws {
        let connection = try freshConnection()
        for count in [0, 1, 2, 1000] {
            try roundTrip(
                .int8Array((0..<count).map { Int64($0) << 40 }), (0..<count).map { Int64($0) << 40 }, connection)
            try roundTrip(.int4Array((0..<count).map { Int32($0) - 5 }), (0..<count).map { Int32($0) - 5 }, connection)
            try roundTrip(.boolArray((0..<count).map { $0 % 3 == 0 }), (0..<count).map { $0 % 3 == 0 }, connection)
            try roundTrip(
                .float8Array((0..<count).map { Double($0) / 3 }), (0..<count).map { Double($0) / 3 }, connection)
            try roundTrip(
                .timestampArray((0..<count).map { Int64($0) }), (0..<count).map { Timestamp(microseconds: Int64($0)) },
                connection)
            try roundTrip(
                .bytesArray((0..<count).map { [UInt8(truncatingIfNeeded: $0)] }),
                (0..<count).map { [UInt8(truncatingIfNeeded: $0)] }, connection)
        }
        try roundTrip(.textArray(Self.strings), Self.strings, connection)
        try roundTrip(.textArrayOptional([nil, "", nil, "NULL"]), [nil, "", nil, "NULL"] as [String?], connection)
        try roundTrip(.textArrayOptional([]), [] as [String?], connection)
        try roundTrip(.textArray(utf8: Self.strings.map { Array($0.utf8) }), Self.strings, connection)
        try roundTrip(
            .textArrayOptional(utf8: [nil, Array("é".utf8)]), [nil, "é"] as [String?], connection)
        try roundTrip(.text(utf8: Array("é".utf8)), "é", connection)
        try roundTrip(.int8ArrayOptional([nil, 1]), [nil, 1] as [Int64?], connection)
        try roundTrip(.timestampArrayOptional([nil, 1]), [nil, Timestamp(microseconds: 1)], connection)
        let documents = [#"{"a":1}"#, "[]", #""é""#, "null"].map { Array($0.utf8) }
        try roundTrip(.jsonArray(documents), documents, connection)
        try roundTrip(.jsonbArray([Array("[1, 2]".utf8)]), [Array("[1, 2]".utf8)], connection)
        try roundTrip(.jsonbArrayOptional([nil, Array("{}".utf8)]), [nil, Array("{}".utf8)], connection)
        try roundTrip(.jsonArrayOptional([nil, Array("{}".utf8)]), [nil, Array("{}".utf8)], connection)
        try roundTrip(.bytesArrayOptional([nil, [0]]), [nil, [0]] as [[UInt8]?], connection)
    }

    /// Seed: ORDERFLOW_TEST_SEED.
    @Test func randomArraysAgreeWithTheServer() throws {
        var random = SeededGenerator.fromEnvironment()
        let connection = try freshConnection()
        let alphabet = Array("ab\"\\{},' \n\té🧑NUL")
        for _ in 0..<200 {
            let values = (0..<Int.random(in: 0...40, using: &random)).map { _ -> String? in
                if Int.random(in: 0..<5, using: &random) == 0 { return nil }
                return String(
                    (0..<Int.random(in: 0...12, using: &random)).map { _ in alphabet.randomElement(using: &random)! })
            }
            let row = try connection.query(
                "SELECT $1::text[], (SELECT array_agg(x ORDER BY n) FROM unnest($1::text[]) WITH ORDINALITY u(x, n)), cardinality($1)",
                [.textArrayOptional(values)]
            ).one()
            #expect(try row.get(0, as: [String?].self) == values, "seed \(random.seed)")
            #expect(try row.get(1, as: [String?]?.self) ?? [] == values, "seed \(random.seed)")
            #expect(try row.get(2, as: Int.self) == values.count, "seed \(random.seed)")
        }
    }

    @Test func unnestInsertsEveryColumn() throws {
        let connection = try freshConnection()
        try connection.script(
            "CREATE TABLE t (a text, b int8, c jsonb, d timestamptz, e uuid, f bytea, g bool, h json)")
        let id = "00000000-0000-0000-0000-000000000001"
        let inserted = try connection.execute(
            """
            INSERT INTO t SELECT * FROM unnest(
                $1::text[], $2::int8[], $3::jsonb[], $4::timestamptz[], $5::uuid[], $6::bytea[], $7::bool[], $8::json[])
            """,
            [
                .textArray(["x", "y"]), .int8ArrayOptional([1, nil]),
                .jsonbArray([Array("{}".utf8), Array("[]".utf8)]),
                .timestampArray([1, 2]), .uuidArray([id, id]), .bytesArray([[1], []]), .boolArray([true, false]),
                .jsonArray([Array("{ }".utf8), Array("1".utf8)]),
            ])
        #expect(inserted == 2)
        let rows = try connection.query("SELECT a, b, c, d, e, f, g, h FROM t ORDER BY a")
        #expect(rows.columnNames == ["a", "b", "c", "d", "e", "f", "g", "h"])
        #expect(try rows[1].get(1, as: Int64?.self) == nil)
        #expect(rows[1].isNull(1) && !rows[1].isNull(0))
        #expect(try rows[0].get(7, as: [UInt8].self) == Array("{ }".utf8))
        #expect(try rows.map { try $0.get(2, as: String.self) } == ["{}", "[]"])
        #expect(try rows[0].withBytes(2) { Array($0) } == Array("{}".utf8))
        #expect(try rows[0].withBytes(0) { $0.count } == 1)
        #expect(failure { try rows[1].withBytes(1) { $0.count } }?.kind == .decoding)
    }

    @Test func nullsNeedOptionals() throws {
        let connection = try freshConnection()
        let row = try connection.query(
            "SELECT $1::text, $2, $3::int8", [.text(nil), .timestamp(nil as Timestamp?), .null]
        ).one()
        #expect(try row.get(0, as: String?.self) == nil)
        #expect(try row.get(1, as: Timestamp?.self) == nil)
        #expect(try row.get(2, as: Int?.self) == nil)
        let error = failure { try row.get(0, as: String.self) }
        #expect(error?.kind == .decoding)
        #expect(error?.message.contains("NULL") == true)
    }

    @Test func wrongTypesNameColumnAndSQL() throws {
        let connection = try freshConnection()
        let row = try connection.query(
            "SELECT 1.5::float8 AS price, 'a' AS name, 2::int8, ARRAY[1], '2020-01-01'::timestamp"
        ).one()
        let attempts: [PostgresError?] = [
            failure { try row.get(0, as: Int.self) }, failure { try row.get(0, as: String.self) },
            failure { try row.get(1, as: Int.self) }, failure { try row.get(2, as: Int32.self) },
            failure { try row.get(2, as: Bool.self) }, failure { try row.get(2, as: [Int].self) },
            failure { try row.get(1, as: [String].self) }, failure { try row.get(3, as: [String].self) },
            failure { try row.get(4, as: Timestamp.self) }, failure { try row.get(2, as: Double.self) },
            failure { try row.get(2, as: [UInt8].self) }, failure { try row.get(9, as: Int.self) },
        ]
        for attempt in attempts {
            #expect(attempt?.kind == .decoding)
            #expect(attempt?.sql?.contains("AS price") == true)
        }
        #expect(attempts[0]?.message.contains("price, float8") == true, "\(String(describing: attempts[0]))")
        #expect(try connection.query("SELECT ARRAY[[1],[2]]").one().isNull(0) == false)
        let nested = failure { try connection.query("SELECT ARRAY[[1],[2]]").one().get(0, as: [Int].self) }
        #expect(nested?.kind == .decoding)
        #expect(failure { try connection.query("SELECT generate_series(1, 2)").one() }?.kind == .decoding)
    }

    @Test func rowsOutliveTheConnection() throws {
        let connection = try freshConnection()
        let rows = try connection.query("SELECT generate_series(1, 3)")
        connection.close()
        #expect(try rows.map { try $0.get(0, as: Int.self) } == [1, 2, 3])
    }
}
