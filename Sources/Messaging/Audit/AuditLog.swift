import Postgres
import Telemetry

/// The log of what operators and keys have done in one service's database (`AuditSchema`).
public enum AuditLog {
    /// Writing entries takes the right to insert into this table, and no other.
    public static let table = "audit"
    /// Written by the first one's trigger alone.
    public static let headTable = "audit_head"

    /// Bytes of UTF-8 that a text of an entry has at most: what callers of whom nothing is known say goes in here too.
    public static let textLimit = 1_000

    /// Appends entries, in the open transaction of `connection` if there is one: what is rolled back leaves none.
    /// The next append waits for the transaction's end.
    public static func append(_ entries: [AuditEntry], on connection: Connection) throws {
        guard !entries.isEmpty else { return }
        _ = try connection.execute(
            """
            INSERT INTO audit (actor, actor_kind, origin, alias, tenant, act, object, reason, detail)
            SELECT actor, actor_kind, origin, alias, tenant, act, object, reason, detail
            FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                        $9::text[])
                WITH ORDINALITY AS t (actor, actor_kind, origin, alias, tenant, act, object, reason, detail, place)
            ORDER BY place
            """,
            [
                .textArray(entries.map { fitted($0.actor.name) }), .textArray(entries.map(\.actor.kind.rawValue)),
                .textArray(entries.map { fitted($0.actor.origin) }),
                .textArrayOptional(entries.map { $0.actor.alias.map(fitted) }),
                .textArrayOptional(entries.map(\.tenant)),
                .textArray(entries.map(\.act.rawValue)), .textArray(entries.map { fitted($0.object) }),
                .textArrayOptional(entries.map { $0.reason.map(fitted) }),
                .textArrayOptional(entries.map { $0.detail.map { String(decoding: $0, as: UTF8.self) } }),
            ])
    }

    public static func append(_ entry: AuditEntry, on connection: Connection) throws {
        try append([entry], on: connection)
    }

    /// What a line of a terminal can take: what can't be printed is an escape, and what is too long is cut.
    private static func fitted(_ text: String) -> String {
        let text = PrintableText.escaped(text)
        if text.utf8.count <= textLimit { return text }
        var size = 0
        return String(
            text.prefix { character in
                size += character.utf8.count
                return size <= textLimit
            })
    }

    /// What is looked for. All that are given have to hold.
    public struct Filter: Sendable {
        /// Microseconds since the Unix epoch; `until` is left out.
        public var since: Int64?
        public var until: Int64?
        public var actor: String?
        /// An act such as `stock.set`, or all of a kind: `stock`.
        public var act: String?
        public var tenant: String?

        public init() {}
    }

    /// At most `limit` records behind `position`, in their order.
    public static func page(
        _ filter: Filter = Filter(), after position: Int64 = 0, limit: Int, on connection: Connection
    ) throws -> [AuditRecord] {
        try connection.query(
            """
            SELECT \(AuditRecord.columns) FROM audit WHERE position > $1 AND \(condition) ORDER BY position LIMIT $7
            """, [.int8(position)] + parameters(filter) + [.int(limit)]
        ).map { try AuditRecord($0) }
    }

    /// The last `limit` records, the newest first.
    public static func newest(
        _ filter: Filter = Filter(), limit: Int, on connection: Connection
    ) throws -> [AuditRecord] {
        try connection.query(
            """
            SELECT \(AuditRecord.columns) FROM audit WHERE position >= $1 AND \(condition)
            ORDER BY position DESC LIMIT $7
            """, [.int8(0)] + parameters(filter) + [.int(limit)]
        ).map { try AuditRecord($0) }
    }

    private static let condition = """
        ($2::timestamptz IS NULL OR at >= $2) AND ($3::timestamptz IS NULL OR at < $3)
        AND ($4::text IS NULL OR actor = $4) AND ($5::text IS NULL OR act = $5 OR starts_with(act, $5 || '.'))
        AND ($6::text IS NULL OR tenant = $6)
        """

    private static func parameters(_ filter: Filter) -> [Parameter] {
        [
            .timestamp(filter.since.map { Timestamp(microseconds: $0) }),
            .timestamp(filter.until.map { Timestamp(microseconds: $0) }),
            .text(filter.actor), .text(filter.act), .text(filter.tenant),
        ]
    }
}
