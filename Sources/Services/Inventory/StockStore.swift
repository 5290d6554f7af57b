import JSON
import Messaging
import Orders
import Postgres

/// The `stock` table.
public enum StockStore {
    struct Article: Hashable, Comparable, Sendable {
        let tenant: String
        let sku: String

        static func < (a: Article, b: Article) -> Bool { (a.tenant, a.sku) < (b.tenant, b.sku) }
    }

    /// What is known of one article.
    public struct Entry: Hashable, Sendable {
        public let sku: String
        public let level: StockLevels.Level
    }

    /// Fewer pieces than are promised to orders.
    public struct BelowReserved: Error, Hashable, Sendable, CustomStringConvertible {
        public let sku: String
        public let quantity: Int64
        public var description: String { "more than \(quantity) of \(sku) are reserved for orders" }
    }

    public static let quantityLimit: Int64 = 1_000_000_000_000

    /// Reads and locks the levels of these articles, always in the same order.
    static func lock(
        _ articles: [Article], unknownSKU: StockLevels.UnknownSKU, on connection: Connection
    ) throws -> [String: StockLevels] {
        try read(articles, unknownSKU: unknownSKU, "FOR UPDATE", on: connection)
    }

    /// Reads the levels of these articles as they are at this moment.
    static func look(
        at articles: [Article], unknownSKU: StockLevels.UnknownSKU, on connection: Connection
    ) throws -> [String: StockLevels] {
        try read(articles, unknownSKU: unknownSKU, "", on: connection)
    }

    private static func read(
        _ articles: [Article], unknownSKU: StockLevels.UnknownSKU, _ locking: StaticString, on connection: Connection
    ) throws -> [String: StockLevels] {
        guard !articles.isEmpty else { return [:] }
        var levels: [String: [String: StockLevels.Level]] = [:]
        let rows = try connection.query(
            """
            SELECT tenant, sku, on_hand, reserved, consumed FROM stock
            WHERE (tenant, sku) IN (SELECT * FROM unnest($1::text[], $2::text[]))
            ORDER BY tenant, sku
            \(locking)
            """, [.textArray(articles.map(\.tenant)), .textArray(articles.map(\.sku))])
        for row in rows {
            levels[try row.get(0, as: String.self), default: [:]][try row.get(1, as: String.self)] = try level(row, 2)
        }
        return levels.mapValues { StockLevels($0, unknownSKU: unknownSKU) }
    }

    static func save(_ levels: [String: StockLevels], on connection: Connection) throws {
        let rows = levels.flatMap { tenant, stock in
            stock.changed.compactMap { sku in stock.levels[sku].map { (tenant: tenant, sku: sku, level: $0) } }
        }
        guard !rows.isEmpty else { return }
        _ = try connection.execute(
            """
            UPDATE stock SET on_hand = new.on_hand, reserved = new.reserved, consumed = new.consumed, updated_at = now()
            FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
                AS new (tenant, sku, on_hand, reserved, consumed)
            WHERE stock.tenant = new.tenant AND stock.sku = new.sku
            """,
            [
                .textArray(rows.map(\.tenant)), .textArray(rows.map(\.sku)), .int8Array(rows.map(\.level.onHand)),
                .int8Array(rows.map(\.level.reserved)), .int8Array(rows.map(\.level.consumed)),
            ])
    }

    /// Says how many pieces there are, those reserved for orders included; from then on the article is counted. Kept in
    /// the audit log. Throws `BelowReserved` rather than break a promise.
    ///
    /// - Parameter note: why.
    public static func set(
        tenant: String, sku: String, quantity: Int64, by actor: AuditActor, note: String? = nil,
        on connection: Connection
    ) throws -> Entry {
        try connection.transaction { connection in
            let row = try connection.query(
                """
                INSERT INTO stock (tenant, sku, on_hand) VALUES ($1, $2, $3)
                ON CONFLICT (tenant, sku) DO UPDATE SET on_hand = excluded.on_hand, updated_at = now()
                    WHERE stock.reserved <= excluded.on_hand
                RETURNING on_hand, reserved, consumed
                """, [.text(tenant), .text(sku), .int8(quantity)]
            ).first
            guard let row else { throw BelowReserved(sku: sku, quantity: quantity) }
            var json = JSONWriter()
            json.object { $0.field("quantity", quantity) }
            try AuditLog.append(
                AuditEntry(by: actor, .stockSet, on: sku, tenant: tenant, reason: note, detail: json.bytes),
                on: connection)
            return Entry(sku: sku, level: try level(row, 0))
        }
    }

    /// Nil for an article that isn't counted.
    public static func one(tenant: String, sku: String, on connection: Connection) throws -> Entry? {
        try connection.query(
            "SELECT on_hand, reserved, consumed FROM stock WHERE tenant = $1 AND sku = $2", [.text(tenant), .text(sku)]
        ).first.map { Entry(sku: sku, level: try level($0, 0)) }
    }

    /// At most `limit` articles by name, those after `sku`.
    public static func page(
        tenant: String, after sku: String = "", limit: Int, on connection: Connection
    ) throws -> [Entry] {
        try connection.query(
            """
            SELECT on_hand, reserved, consumed, sku FROM stock WHERE tenant = $1 AND sku > $2 ORDER BY sku LIMIT $3
            """, [.text(tenant), .text(sku), .int(limit)]
        ).map { Entry(sku: try $0.get(3, as: String.self), level: try level($0, 0)) }
    }

    private static func level(_ row: Row, _ column: Int) throws -> StockLevels.Level {
        StockLevels.Level(
            onHand: try row.get(column, as: Int64.self), reserved: try row.get(column + 1, as: Int64.self),
            consumed: try row.get(column + 2, as: Int64.self))
    }
}
