import JSON
import Messaging
import OrderFacts
import OrderflowKit
import Orders
import Postgres

/// The table `sales_orders`: what each order counts for.
enum PurchaseStore {
    static func load(_ keys: [OrderKey], on connection: Connection) throws -> [OrderKey: Purchase] {
        let rows = try connection.query(
            """
            SELECT tenant, order_id, status, user_id, created_at, total, currency, items FROM sales_orders
            WHERE (tenant, order_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
            ORDER BY tenant, order_id
            FOR UPDATE
            """, [.textArray(keys.map(\.tenant)), .textArray(keys.map(\.orderID))])
        var purchases = [OrderKey: Purchase](minimumCapacity: rows.count)
        for row in rows {
            var purchase = Purchase(try OrderKey(row))
            let status = try row.get(2, as: Int32.self)
            guard let known = Purchase.Status(rawValue: status) else {
                throw UnknownStatus(table: "sales_orders", status: String(status))
            }
            purchase.status = known
            if let userID = try row.get(3, as: String?.self) {
                purchase.order = OrderCreated(
                    orderID: purchase.key.orderID, userID: userID, items: try row.withBytes(7) { try items($0) },
                    total: Money(
                        minorUnits: try row.get(5, as: Int64.self),
                        currency: try Currency(stored: try row.get(6, as: String.self))),
                    createdAt: try row.get(4, as: Timestamp.self).microseconds)
            }
            purchases[purchase.key] = purchase
        }
        return purchases
    }

    /// Throws `ConcurrentChange` when another transaction has just made a row that wasn't known.
    static func save(_ purchases: [Purchase], known: [OrderKey: Purchase], on connection: Connection) throws {
        let written = try connection.query(
            """
            INSERT INTO sales_orders AS s (tenant, order_id, status, user_id, created_at, total, currency, items)
            SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::timestamptz[], $6::bigint[],
                                 $7::text[], $8::json[])
            ON CONFLICT (tenant, order_id) DO UPDATE SET
                status = excluded.status, user_id = excluded.user_id, created_at = excluded.created_at,
                total = excluded.total, currency = excluded.currency, items = excluded.items
            RETURNING tenant, order_id, xmax = 0
            """,
            [
                .textArray(purchases.map(\.key.tenant)), .textArray(purchases.map(\.key.orderID)),
                .int4Array(purchases.map(\.status.rawValue)), .textArrayOptional(purchases.map(\.order?.userID)),
                .timestampArrayOptional(purchases.map(\.order?.createdAt)),
                .int8ArrayOptional(purchases.map(\.order?.total.minorUnits)),
                .textArrayOptional(purchases.map(\.order?.total.currency.code)),
                .jsonArrayOptional(purchases.map { $0.order.map { OrderLine.json($0.items) } }),
            ])
        for row in written {
            let key = try OrderKey(row)
            let isNew = try row.get(2, as: Bool.self)
            // A row that is new to us but not to the table counts for something that we haven't taken away.
            if !isNew, known[key] == nil { throw ConcurrentChange(streamID: key.orderID) }
        }
    }

    private static func items(_ json: UnsafeRawBufferPointer) throws -> [OrderLine] {
        var reader = JSONReader(json)
        return try OrderLine.stored(&reader)
    }
}
