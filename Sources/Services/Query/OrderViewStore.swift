import HTTPServer
import Messaging
import OrderflowKit
import Postgres
import Projection

/// Reads of the `order_views` table. Documents are put together from the pieces that are stored, and not read.
enum OrderViewStore {
    struct View: Sendable {
        let document: [UInt8]
        let tag: ViewTag
    }

    static func one(_ orderID: String, within reach: Reach, on connection: Connection) throws -> View? {
        try connection.query(
            """
            SELECT v.version, v.revision, \(OrderViewPieces.columns(of: "v")) FROM order_views v
            WHERE tenant = $1 AND order_id = $2 AND user_id IS NOT NULL AND ($3::text IS NULL OR user_id = $3)
            """, [.text(reach.tenant), .text(orderID), reach.userID.map { .text($0) } ?? .null]
        ).first.map { row in
            try view(row, at: 0)
        }
    }

    /// What the views that one look finds may fill.
    static let lookBytes = 4 * PageSize.bytes

    /// The views that meet an interest each, with its index; no more of them once they fill `bytes`. Many may watch one
    /// large order.
    static func changed(
        _ interests: [OrderWatch.Interest], bytes: Int = lookBytes, on connection: Connection
    ) throws -> (found: [(index: Int, view: View)], isComplete: Bool) {
        let rows = try connection.query(
            """
            SELECT place, available, version, revision, \(OrderViewPieces.columns(of: "changed")) FROM (
                SELECT t.place, v.version, v.revision, \(OrderViewPieces.columns(of: "v")), count(*) OVER () AS available,
                       sum(\(OrderViewPieces.size(of: "v"))) OVER (
                           ORDER BY t.place ROWS UNBOUNDED PRECEDING EXCLUDE CURRENT ROW) AS before
                FROM unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::int[], $6::int[], $8::text[])
                     WITH ORDINALITY
                     AS t (tenant, order_id, least_version, least_revision, known_version, known_revision, user_id, place)
                JOIN order_views v ON v.tenant = t.tenant AND v.order_id = t.order_id
                WHERE v.user_id IS NOT NULL AND (t.user_id IS NULL OR v.user_id = t.user_id)
                  AND v.version >= t.least_version AND v.revision >= t.least_revision
                  AND (v.version, v.revision) <> (t.known_version, t.known_revision)
            ) AS changed
            WHERE before IS NULL OR before < $7
            ORDER BY place
            """,
            [
                .textArray(interests.map(\.reach.tenant)), .textArray(interests.map(\.orderID)),
                .int4Array(interests.map { Int32(clamping: $0.least.version) }),
                .int4Array(interests.map { Int32(clamping: $0.least.revision) }),
                // No view is at -1.
                .int4Array(interests.map { Int32(clamping: $0.known?.version ?? -1) }),
                .int4Array(interests.map { Int32(clamping: $0.known?.revision ?? -1) }), .int(bytes),
                .textArrayOptional(interests.map(\.reach.userID)),
            ])
        let found = try rows.map { row in
            (
                index: Int(try row.get(0, as: Int64.self)) - 1,
                view: try view(row, at: 2)
            )
        }
        return (found, try rows.first.map { try $0.get(1, as: Int64.self) == found.count } ?? true)
    }

    /// Of columns with version, revision and the document's pieces.
    private static func view(_ row: Row, at column: Int) throws -> View {
        View(
            document: try OrderViewPieces(row, at: column + 2).document(),
            tag: ViewTag(
                version: Int(try row.get(column, as: Int32.self)),
                revision: Int(try row.get(column + 1, as: Int32.self))))
    }

    /// What a list is narrowed to.
    struct Filter: Sendable {
        let tenant: String
        /// Nil for everybody's.
        let userID: String?
        var status: String?
        /// Microseconds since the Unix epoch, inclusive and exclusive.
        var createdFrom: Int64?
        var createdBefore: Int64?

        /// - Parameter userID: whose orders are asked for; nil asks for all within reach. Another user's is 403.
        init(within reach: Reach, of userID: String? = nil) throws(HTTPProblem) {
            if let userID { try reach.demand(userID) }
            tenant = reach.tenant
            self.userID = userID ?? reach.userID
        }
    }

    /// One page, the newest first, and where the next one starts; it ends with the document that fills `bytes`. Stable
    /// while orders come in: a cursor is a place in the order of (creation time, id), not a count of rows.
    static func page(
        _ filter: Filter, after cursor: ListCursor?, limit: Int, bytes: Int = PageSize.bytes,
        on connection: Connection
    ) throws -> (documents: [[UInt8]], next: ListCursor?) {
        let rows = try rows(filter, after: cursor, limit: limit, bytes: bytes, on: connection)
        let documents = try rows.prefix(limit).map { try OrderViewPieces($0, at: 3).document() }
        guard let last = rows.prefix(limit).last, try last.get(2, as: Int64.self) > documents.count else {
            return (documents, nil)
        }
        return (
            documents,
            ListCursor(
                createdAt: try last.get(0, as: Timestamp.self).microseconds, id: try last.get(1, as: String.self))
        )
    }

    /// The rows of one page: place, how many there are up to one more than `limit`, and a document's pieces. They end with
    /// the document that fills `bytes`.
    static func rows(
        _ filter: Filter, after cursor: ListCursor?, limit: Int, bytes: Int, on connection: Connection
    ) throws -> Rows {
        try connection.query(
            """
            SELECT created_at, order_id, available, \(OrderViewPieces.columns(of: "measured")) FROM (
                SELECT wanted.*, count(*) OVER () AS available,
                       sum(\(OrderViewPieces.size(of: "wanted"))) OVER (
                           ORDER BY created_at DESC, order_id DESC ROWS UNBOUNDED PRECEDING EXCLUDE CURRENT ROW
                       ) AS before
                FROM (
                    SELECT created_at, order_id, \(OrderViewPieces.columns(of: "v")) FROM order_views v
                    WHERE tenant = $1 AND user_id IS NOT NULL
                      AND ($2::text IS NULL OR user_id = $2)
                      AND ($3::text IS NULL OR status = $3)
                      AND ($4::timestamptz IS NULL OR created_at >= $4)
                      AND ($5::timestamptz IS NULL OR created_at < $5)
                      AND ($6::timestamptz IS NULL OR (created_at, order_id) < ($6, $7))
                    ORDER BY created_at DESC, order_id DESC
                    LIMIT $8
                ) AS wanted
            ) AS measured
            WHERE before IS NULL OR before < $9
            ORDER BY created_at DESC, order_id DESC
            """,
            [
                .text(filter.tenant), filter.userID.map { .text($0) } ?? .null,
                filter.status.map { .text($0) } ?? .null,
                filter.createdFrom.map { .timestamp($0) } ?? .null,
                filter.createdBefore.map { .timestamp($0) } ?? .null,
                cursor.map { .timestamp($0.createdAt) } ?? .null, .text(cursor?.id ?? ""),
                .int8(Int64(limit + 1)), .int8(Int64(bytes)),
            ])
    }
}
