import JSON
import OrderflowKit
import Postgres
import Projection

extension OrderViewStore {
    /// Documents by their orders' ids; those out of reach aren't there.
    static func many(
        _ orderIDs: [String], within reach: Reach, on connection: Connection
    ) throws -> [String: [UInt8]] {
        let rows = try connection.query(
            """
            SELECT order_id, \(OrderViewPieces.columns(of: "v")) FROM order_views v
            WHERE tenant = $1 AND order_id = ANY($2::text[]) AND user_id IS NOT NULL
              AND ($3::text IS NULL OR user_id = $3)
            """, [.text(reach.tenant), .textArray(orderIDs), reach.userID.map { .text($0) } ?? .null])
        var found = [String: [UInt8]](minimumCapacity: rows.count)
        for row in rows { found[try row.get(0, as: String.self)] = try OrderViewPieces(row, at: 1).document() }
        return found
    }
}

/// Pages of orders as connections have them: each order with its place.
enum OrderPageStore {
    /// What all pages of one look may fill.
    static let lookBytes = 4 * PageSize.bytes

    /// A page of all orders within reach.
    static func page(_ query: OrderPageQuery, within reach: Reach, on connection: Connection) throws -> ConnectionPage {
        var filter = try OrderViewStore.Filter(within: reach)
        filter.status = query.status
        filter.createdFrom = query.createdFrom
        filter.createdBefore = query.createdBefore
        let rows = try OrderViewStore.rows(
            filter, after: query.after, limit: query.first, bytes: lookBytes, on: connection)
        var page = ConnectionPage(edges: [], hasNextPage: false)
        for row in rows.prefix(query.first) { try add(row, at: 0, to: &page) }
        return page
    }

    /// A page of each user's orders, by one statement, in the order of `users`. A page has one order at least where there
    /// is one, and ends early where all pages together fill `lookBytes`.
    static func pages(
        of users: [String], _ query: OrderPageQuery, tenant: String, on connection: Connection
    ) throws -> [ConnectionPage] {
        let rows = try connection.query(
            """
            SELECT place, created_at, order_id, available, \(OrderViewPieces.columns(of: "measured")) FROM (
                SELECT t.place, wanted.*, count(*) OVER (PARTITION BY t.place) AS available,
                       row_number() OVER (PARTITION BY t.place ORDER BY created_at DESC, order_id DESC) AS number,
                       sum(\(OrderViewPieces.size(of: "wanted"))) OVER (
                           ORDER BY t.place, created_at DESC, order_id DESC
                           ROWS UNBOUNDED PRECEDING EXCLUDE CURRENT ROW) AS before
                FROM unnest($9::text[]) WITH ORDINALITY AS t (user_id, place)
                CROSS JOIN LATERAL (
                    SELECT created_at, order_id, \(OrderViewPieces.columns(of: "v")) FROM order_views v
                    WHERE tenant = $1 AND v.user_id = t.user_id AND \(narrowing)
                    ORDER BY created_at DESC, order_id DESC
                    LIMIT $7
                ) AS wanted
            ) AS measured
            WHERE number = 1 OR before IS NULL OR before < $8
            ORDER BY place, created_at DESC, order_id DESC
            """, parameters(query, tenant) + [.textArray(users)])
        var pages = [ConnectionPage](repeating: ConnectionPage(edges: [], hasNextPage: false), count: users.count)
        for row in rows {
            let place = Int(try row.get(0, as: Int64.self)) - 1
            guard pages.indices.contains(place), pages[place].edges.count < query.first else { continue }
            try add(row, at: 1, to: &pages[place])
        }
        return pages
    }

    private static let narrowing = """
        ($2::text IS NULL OR status = $2)
        AND ($3::timestamptz IS NULL OR created_at >= $3)
        AND ($4::timestamptz IS NULL OR created_at < $4)
        AND ($5::timestamptz IS NULL OR (created_at, order_id) < ($5, $6))
        """

    private static func parameters(_ query: OrderPageQuery, _ tenant: String) -> [Parameter] {
        [
            .text(tenant), query.status.map { .text($0) } ?? .null,
            query.createdFrom.map { .timestamp($0) } ?? .null, query.createdBefore.map { .timestamp($0) } ?? .null,
            query.after.map { .timestamp($0.createdAt) } ?? .null, .text(query.after?.id ?? ""),
            .int8(Int64(query.first + 1)), .int8(Int64(lookBytes)),
        ]
    }

    /// Of columns with a place, how many orders the page could have, and a document's pieces.
    private static func add(_ row: Row, at column: Int, to page: inout ConnectionPage) throws {
        let place = ListCursor(
            createdAt: try row.get(column, as: Timestamp.self).microseconds,
            id: try row.get(column + 1, as: String.self))
        page.edges.append(
            (place.encoded, try JSONValue(parsing: try OrderViewPieces(row, at: column + 3).document())))
        page.hasNextPage = page.edges.count < (try row.get(column + 2, as: Int64.self))
    }
}
