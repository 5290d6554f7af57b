import Postgres

/// A table of the live model held against the rebuilt one: rows, and a sum over 64-bit hashes of each row's columns.
public struct TableCheck: Sendable {
    public let table: String
    public let liveRows: Int64
    public let rebuiltRows: Int64
    public let liveSum: String
    public let rebuiltSum: String
    /// Counted only where the sums differ.
    public internal(set) var onlyLive: Int64 = 0
    public internal(set) var onlyRebuilt: Int64 = 0
    public internal(set) var changed: Int64 = 0
    /// Keys of some rows that differ.
    public internal(set) var examples: [String] = []

    public var isEqual: Bool { liveRows == rebuiltRows && liveSum == rebuiltSum }
}

extension TableCheck {
    /// Both tables in the snapshot of `connection`'s transaction.
    static func compare(_ table: String, _ schema: ShadowSchema, on connection: Connection) throws -> TableCheck {
        func rows(_ of: String) -> String { schema.model.rows(of: "\(of).\(table)") }
        let hash = try hash(of: "\(schema.live).\(table)", on: connection)
        func sum(_ schema: String) throws -> (rows: Int64, sum: String) {
            let row = try connection.query(
                "SELECT count(*), coalesce(sum(\(hash)), 0)::text FROM \(rows(schema)) t"
            ).one()
            return (try row.get(0, as: Int64.self), try row.get(1, as: String.self))
        }
        let (live, rebuilt) = (try sum(schema.live), try sum(schema.name))
        var check = TableCheck(
            table: table, liveRows: live.rows, rebuiltRows: rebuilt.rows, liveSum: live.sum, rebuiltSum: rebuilt.sum)
        if !check.isEqual { try check.lookCloser(schema, on: connection) }
        return check
    }

    private mutating func lookCloser(_ schema: ShadowSchema, on connection: Connection) throws {
        let key = try Self.key(of: "\(schema.live).\(table)", on: connection)
        guard let first = key.first else { return }
        let live = schema.model.rows(of: "\(schema.live).\(table)")
        let rebuilt = schema.model.rows(of: "\(schema.name).\(table)")
        let joined = """
            FROM \(live) l FULL JOIN \(rebuilt) r USING (\(key.joined(separator: ", ")))
            WHERE l::text IS DISTINCT FROM r::text
            """
        let row = try connection.query(
            """
            SELECT count(*) FILTER (WHERE r.\(first) IS NULL), count(*) FILTER (WHERE l.\(first) IS NULL), count(*)
            \(joined)
            """
        ).one()
        onlyLive = try row.get(0, as: Int64.self)
        onlyRebuilt = try row.get(1, as: Int64.self)
        changed = try row.get(2, as: Int64.self) - onlyLive - onlyRebuilt
        examples = try connection.query("SELECT concat_ws('/', \(key.joined(separator: ", "))) \(joined) LIMIT 3")
            .map { try $0.get(0, as: String.self) }
    }

    /// What a row `t` is summed up by: each column's text, with the hash of those before it as a seed, so that a value in
    /// another column or another row is another one, and none at all is no empty text. The text of the whole row would be
    /// made, quotes doubled, only to be hashed: more than twice the time.
    ///
    /// - Parameter table: with its schema, quoted.
    private static func hash(of table: String, on connection: Connection) throws -> String {
        let columns = try connection.query(
            """
            SELECT quote_ident(attname) FROM pg_attribute
            WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
            """, [.text(table)]
        ).map { try $0.get(0, as: String.self) }
        return columns.reduce("0::bigint") { hash, column in
            "hashtextextended(coalesce(t.\(column)::text, ''), \(hash) # (t.\(column) IS NULL)::int::bigint)"
        }
    }

    /// The columns of a table's primary key, quoted.
    ///
    /// - Parameter table: with its schema, quoted.
    static func key(of table: String, on connection: Connection) throws -> [String] {
        try connection.query(
            """
            SELECT quote_ident(a.attname) FROM pg_index i
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
            WHERE i.indrelid = to_regclass($1) AND i.indisprimary ORDER BY array_position(i.indkey::int2[], a.attnum)
            """, [.text(table)]
        ).map { try $0.get(0, as: String.self) }
    }
}
