import JSON
import OrderflowKit
import Orders
import Postgres

/// A user's month.
package struct InvoiceKey: Hashable, Sendable {
    package let userID: String
    package let month: InvoiceMonth

    package init(userID: String, month: InvoiceMonth) {
        self.userID = userID
        self.month = month
    }
}

/// Many invoices at once: as many statements as for one.
package enum InvoiceBatch {
    /// Invoices without their orders; those of which nothing is known aren't there.
    package static func invoices(
        _ keys: [InvoiceKey], tenant: String, on connection: Connection
    ) throws -> [InvoiceKey: JSONValue] {
        let said = try InvoiceStore.recipients(tenant: tenant, userIDs: keys.map(\.userID), on: connection)
        let totals = try totals(keys, tenant, on: connection)
        let latest = try latest(keys, tenant, on: connection)
        var found: [InvoiceKey: JSONValue] = [:]
        for (place, key) in keys.enumerated() {
            let recipient = said[key.userID]
            guard recipient != nil || totals[place] != nil else { continue }
            found[key] = [
                "userId": .string(key.userID), "year": .number(JSONNumber(Int64(key.month.year))),
                "month": .number(JSONNumber(Int64(key.month.month))), "name": JSONValue(recipient?.name),
                // Before we hear of the user, what the orders say has to do.
                "email": JSONValue(recipient?.email ?? latest[place]?.email),
                "shippingAddress": JSONValue(recipient?.address ?? latest[place]?.address),
                "totals": .array((totals[place] ?? []).map(\.json)),
            ]
        }
        return found
    }

    /// A page of each invoice's orders, the oldest first, in the order of `keys`.
    package static func orders(
        of keys: [InvoiceKey], first: Int, after: ListCursor?, tenant: String, on connection: Connection
    ) throws -> [(orders: [(cursor: String, node: JSONValue)], hasNextPage: Bool)] {
        let rows = try connection.query(
            """
            SELECT place, order_id, created_at, total, currency, shipping_address, items, available FROM (
                SELECT k.place, wanted.*, count(*) OVER (PARTITION BY k.place) AS available,
                       row_number() OVER (PARTITION BY k.place ORDER BY created_at, order_id) AS number,
                       sum(octet_length(items::text) + octet_length(coalesce(shipping_address, '')) + 200) OVER (
                           ORDER BY k.place, created_at, order_id ROWS UNBOUNDED PRECEDING EXCLUDE CURRENT ROW) AS before
                FROM \(keysTable)
                CROSS JOIN LATERAL (
                    SELECT order_id, created_at, total, currency, shipping_address, items FROM invoice_orders o
                    WHERE \(ofMonth) AND ($6::timestamptz IS NULL OR (created_at, order_id) > ($6, $7))
                    ORDER BY created_at, order_id LIMIT $8
                ) AS wanted
            ) AS measured
            WHERE number = 1 OR before IS NULL OR before < $9
            ORDER BY place, created_at, order_id
            """,
            parameters(keys, tenant) + [
                after.map { .timestamp($0.createdAt) } ?? .null, .text(after?.id ?? ""), .int8(Int64(first) + 1),
                .int(4 * PageSize.bytes),
            ])
        var pages = [(orders: [(cursor: String, node: JSONValue)], hasNextPage: Bool)](
            repeating: ([], false), count: keys.count)
        for row in rows {
            let page = Int(try row.get(0, as: Int64.self)) - 1
            guard pages.indices.contains(page), pages[page].orders.count < first else { continue }
            pages[page].orders.append(try order(row))
            pages[page].hasNextPage = try pages[page].orders.count < row.get(7, as: Int64.self)
        }
        return pages
    }

    private static func order(_ row: Row) throws -> (cursor: String, node: JSONValue) {
        let orderID = try row.get(1, as: String.self)
        let createdAt = try row.get(2, as: Timestamp.self).microseconds
        let total = MoneySum(
            minorUnits: Int128(try row.get(3, as: Int64.self)),
            currency: try Currency(stored: try row.get(4, as: String.self)))
        var node: JSONObject = [
            "orderId": .string(orderID), "createdAt": .string(RFC3339.text(createdAt)),
            "shippingAddress": JSONValue(try row.get(5, as: String?.self)),
            "items": try JSONValue(parsing: try row.get(6, as: [UInt8].self)),
        ]
        for member in total.json.object?.members ?? [] { node[member.name] = member.value }
        return (ListCursor(createdAt: createdAt, id: orderID).encoded, .object(node))
    }

    // MARK: Parts

    private static let keysTable = """
        unnest($2::text[], $3::timestamptz[], $4::timestamptz[]) WITH ORDINALITY AS k (user_id, month, next, place)
        """

    private static let ofMonth = """
        o.tenant = $1 AND o.user_id = k.user_id AND o.status = $5 AND o.created_at >= k.month AND o.created_at < k.next
        """

    private static func parameters(_ keys: [InvoiceKey], _ tenant: String) -> [Parameter] {
        [
            .text(tenant), .textArray(keys.map(\.userID)), .timestampArrayOptional(keys.map(\.month.from)),
            .timestampArrayOptional(keys.map(\.month.before)), .int4(Purchase.Status.confirmed.rawValue),
        ]
    }

    /// By the keys' places.
    private static func totals(
        _ keys: [InvoiceKey], _ tenant: String, on connection: Connection
    ) throws -> [Int: [MoneySum]] {
        var totals: [Int: [MoneySum]] = [:]
        let rows = try connection.query(
            """
            SELECT k.place, o.currency, sum(o.total) FROM \(keysTable) JOIN invoice_orders o ON \(ofMonth)
            GROUP BY k.place, o.currency ORDER BY k.place, o.currency
            """, parameters(keys, tenant))
        for row in rows {
            totals[Int(try row.get(0, as: Int64.self)) - 1, default: []].append(
                MoneySum(
                    minorUnits: try row.get(2, as: Int128.self),
                    currency: try Currency(stored: try row.get(1, as: String.self))))
        }
        return totals
    }

    /// What the latest orders say of their user, by the keys' places.
    private static func latest(
        _ keys: [InvoiceKey], _ tenant: String, on connection: Connection
    ) throws -> [Int: (email: String?, address: String?)] {
        var latest: [Int: (email: String?, address: String?)] = [:]
        let rows = try connection.query(
            """
            SELECT k.place,
                   (array_agg(o.email ORDER BY o.created_at DESC, o.order_id DESC)
                       FILTER (WHERE o.email IS NOT NULL))[1],
                   (array_agg(o.shipping_address ORDER BY o.created_at DESC, o.order_id DESC)
                       FILTER (WHERE o.shipping_address IS NOT NULL))[1]
            FROM \(keysTable) JOIN invoice_orders o ON \(ofMonth)
            GROUP BY k.place
            """, parameters(keys, tenant))
        for row in rows {
            latest[Int(try row.get(0, as: Int64.self)) - 1] = (
                try row.get(1, as: String?.self), try row.get(2, as: String?.self)
            )
        }
        return latest
    }
}
