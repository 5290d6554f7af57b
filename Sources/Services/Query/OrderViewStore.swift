import Messaging
import Postgres

/// Reads of the `order_views` table. The document is answered as it is stored.
enum OrderViewStore {
    struct View: Sendable {
        let document: [UInt8]
        let version: Int
        let revision: Int
    }

    static func one(_ key: OrderKey, on connection: Connection) throws -> View? {
        try connection.query(
            """
            SELECT document, version, revision FROM order_views
            WHERE tenant = $1 AND order_id = $2 AND user_id IS NOT NULL
            """, [.text(key.tenant), .text(key.orderID)]
        ).first.map { row in
            View(
                document: try row.get(0, as: [UInt8].self), version: Int(try row.get(1, as: Int32.self)),
                revision: Int(try row.get(2, as: Int32.self)))
        }
    }

    /// What a list is narrowed to.
    struct Filter: Sendable {
        var tenant: String
        var userID: String?
        var status: String?
        /// Microseconds since the Unix epoch, inclusive and exclusive.
        var createdFrom: Int64?
        var createdBefore: Int64?
    }

    /// One page, the newest first, and where the next one starts. Stable while orders come in: a cursor is a place in
    /// the order of (creation time, id), not a count of rows.
    static func page(
        _ filter: Filter, after cursor: ListCursor?, limit: Int, on connection: Connection
    ) throws -> (documents: [[UInt8]], next: ListCursor?) {
        let rows = try connection.query(
            """
            SELECT document, created_at, order_id FROM order_views
            WHERE tenant = $1 AND user_id IS NOT NULL
              AND ($2::text IS NULL OR user_id = $2)
              AND ($3::text IS NULL OR status = $3)
              AND ($4::timestamptz IS NULL OR created_at >= $4)
              AND ($5::timestamptz IS NULL OR created_at < $5)
              AND ($6::timestamptz IS NULL OR (created_at, order_id) < ($6, $7))
            ORDER BY created_at DESC, order_id DESC
            LIMIT $8
            """,
            [
                .text(filter.tenant), filter.userID.map { .text($0) } ?? .null,
                filter.status.map { .text($0) } ?? .null,
                filter.createdFrom.map { .timestamp($0) } ?? .null,
                filter.createdBefore.map { .timestamp($0) } ?? .null,
                cursor.map { .timestamp($0.createdAt) } ?? .null, .text(cursor?.orderID ?? ""),
                .int8(Int64(limit + 1)),
            ])
        let documents = try rows.prefix(limit).map { try $0.get(0, as: [UInt8].self) }
        guard rows.count > limit else { return (documents, nil) }
        let last = rows[limit - 1]
        return (
            documents,
            ListCursor(
                createdAt: try last.get(1, as: Timestamp.self).microseconds, orderID: try last.get(2, as: String.self))
        )
    }
}

/// A place in a list, opaque to clients.
struct ListCursor: Hashable, Sendable {
    let createdAt: Int64
    let orderID: String

    init(createdAt: Int64, orderID: String) {
        self.createdAt = createdAt
        self.orderID = orderID
    }

    /// Nil for a text that no `encoded` gives.
    init?(encoded text: String) {
        guard let dash = text.firstIndex(of: "-"), let createdAt = Int64(text[..<dash], radix: 36) else { return nil }
        let id = text[text.index(after: dash)...]
        guard !id.isEmpty else { return nil }
        self.init(createdAt: createdAt, orderID: String(id))
    }

    var encoded: String { String(createdAt, radix: 36) + "-" + orderID }
}
