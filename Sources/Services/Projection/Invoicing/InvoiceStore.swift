import JSON
import OrderflowKit
import Orders
import Postgres

/// The table `invoice_orders`, and `invoice_recipients` beside it (`Replica.recipients`).
enum InvoiceStore {
    /// What is known already and what is new are merged by the statement: no row is read first.
    static func save(_ orders: [Purchase], on connection: Connection) throws {
        guard !orders.isEmpty else { return }
        _ = try connection.execute(
            """
            INSERT INTO invoice_orders AS known
                (tenant, order_id, status, user_id, created_at, total, currency, email, shipping_address, items)
            SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::timestamptz[], $6::bigint[],
                                 $7::text[], $8::text[], $9::text[], $10::json[])
            ON CONFLICT (tenant, order_id) DO UPDATE SET
                status = greatest(known.status, excluded.status),
                user_id = coalesce(known.user_id, excluded.user_id),
                created_at = coalesce(known.created_at, excluded.created_at),
                total = coalesce(known.total, excluded.total),
                currency = coalesce(known.currency, excluded.currency),
                email = CASE WHEN known.user_id IS NULL THEN excluded.email ELSE known.email END,
                shipping_address = CASE WHEN known.user_id IS NULL THEN excluded.shipping_address
                                        ELSE known.shipping_address END,
                items = coalesce(known.items, excluded.items)
            WHERE known.status < excluded.status OR known.user_id IS NULL
            """,
            [
                .textArray(orders.map(\.key.tenant)), .textArray(orders.map(\.key.orderID)),
                .int4Array(orders.map { $0.status.rawValue }), .textArrayOptional(orders.map(\.order?.userID)),
                .timestampArrayOptional(orders.map(\.order?.createdAt)),
                .int8ArrayOptional(orders.map(\.order?.total.minorUnits)),
                .textArrayOptional(orders.map(\.order?.total.currency.code)),
                .textArrayOptional(orders.map(\.order?.email)),
                .textArrayOptional(orders.map(\.order?.shippingAddress)),
                .jsonArrayOptional(orders.map { $0.order.map { OrderLine.json($0.items) } }),
            ])
    }

    // MARK: Reading

    /// Whom invoices go to, as was said last.
    struct Recipient: Sendable {
        let name: String?
        let email: String?
        let address: String?
    }

    /// Recipients by their users' ids.
    static func recipients(
        tenant: String, userIDs: [String], on connection: Connection
    ) throws -> [String: Recipient] {
        var found: [String: Recipient] = [:]
        let rows = try connection.query(
            """
            SELECT user_id, name, email, address FROM invoice_recipients WHERE tenant = $1 AND user_id = ANY($2::text[])
            """, [.text(tenant), .textArray(userIDs)])
        for row in rows {
            found[try row.get(0, as: String.self)] = Recipient(
                name: try row.get(1, as: String?.self), email: try row.get(2, as: String?.self),
                address: try row.get(3, as: String?.self))
        }
        return found
    }

    /// A month's invoice with one page of its orders, which ends with the one that fills `bytes`.
    ///
    /// - Parameter from: first microsecond of the month; `before`: of the next one.
    static func invoice(
        tenant: String, userID: String, from: Int64, before: Int64, after cursor: ListCursor? = nil,
        limit: Int = InvoiceRoutes.listLimit.upperBound, bytes: Int = PageSize.bytes, on connection: Connection
    ) throws -> Invoice? {
        let month: [Parameter] = [
            .text(tenant), .text(userID), .int4(Purchase.Status.confirmed.rawValue), .timestamp(from),
            .timestamp(before),
        ]
        let recipient = try connection.query(
            "SELECT name, email, address FROM invoice_recipients WHERE tenant = $1 AND user_id = $2",
            [.text(tenant), .text(userID)]
        ).first
        let totals = try totals(month, on: connection)
        guard recipient != nil || !totals.isEmpty else { return nil }
        let (orders, next) = try page(month, after: cursor, limit: limit, bytes: bytes, on: connection)
        let name = try recipient?.get(0, as: String?.self) ?? nil
        var email = try recipient?.get(1, as: String?.self) ?? nil
        var address = try recipient?.get(2, as: String?.self) ?? nil
        // Before we hear of the user, what the orders say has to do.
        if email == nil { email = try latest("email", month, on: connection) }
        if address == nil { address = try latest("shipping_address", month, on: connection) }
        return Invoice(
            userID: userID, name: name, email: email, address: address, orders: orders, totals: totals, next: next)
    }

    private static let ofMonth = """
        FROM invoice_orders
        WHERE tenant = $1 AND user_id = $2 AND status = $3 AND created_at >= $4 AND created_at < $5
        """

    private static func totals(_ month: [Parameter], on connection: Connection) throws -> [MoneySum] {
        try connection.query(
            "SELECT currency, sum(total) \(ofMonth) GROUP BY currency ORDER BY currency", month
        ).map { row in
            MoneySum(
                minorUnits: try row.get(1, as: Int128.self),
                currency: try Currency(stored: try row.get(0, as: String.self)))
        }
    }

    /// - Parameter column: a name of ours, never input.
    private static func latest(_ column: String, _ month: [Parameter], on connection: Connection) throws -> String? {
        try connection.query(
            """
            SELECT \(column) \(ofMonth) AND \(column) IS NOT NULL ORDER BY created_at DESC, order_id DESC LIMIT 1
            """, month
        ).first?.get(0, as: String.self)
    }

    private static func page(
        _ month: [Parameter], after cursor: ListCursor?, limit: Int, bytes: Int, on connection: Connection
    ) throws -> (lines: [Invoice.Line], next: ListCursor?) {
        let rows = try connection.query(
            """
            SELECT order_id, created_at, total, currency, shipping_address, items, available FROM (
                SELECT *, count(*) OVER () AS available,
                       sum(octet_length(items::text) + octet_length(coalesce(shipping_address, '')) + 200) OVER (
                           ORDER BY created_at, order_id ROWS UNBOUNDED PRECEDING EXCLUDE CURRENT ROW) AS before
                FROM (
                    SELECT order_id, created_at, total, currency, shipping_address, items
                    \(ofMonth) AND ($6::timestamptz IS NULL OR (created_at, order_id) > ($6, $7))
                    ORDER BY created_at, order_id LIMIT $8
                ) AS wanted
            ) AS measured
            WHERE before IS NULL OR before < $9
            ORDER BY created_at, order_id
            """,
            month + [
                cursor.map { .timestamp($0.createdAt) } ?? .null, .text(cursor?.id ?? ""), .int(limit + 1),
                .int(bytes),
            ])
        let lines = try rows.prefix(limit).map { row in
            Invoice.Line(
                orderID: try row.get(0, as: String.self),
                createdAt: try row.get(1, as: Timestamp.self).microseconds,
                total: Money(
                    minorUnits: try row.get(2, as: Int64.self),
                    currency: try Currency(stored: try row.get(3, as: String.self))),
                shippingAddress: try row.get(4, as: String?.self), items: try row.get(5, as: [UInt8].self))
        }
        guard let last = lines.last, let row = rows.first, try row.get(6, as: Int64.self) > lines.count else {
            return (lines, nil)
        }
        return (lines, ListCursor(createdAt: last.createdAt, id: last.orderID))
    }
}
