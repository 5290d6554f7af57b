import JSON
import Orders
import Postgres

/// The tables of sums: `customer_totals`, `sales_by_article`, `sales_by_currency`.
enum SalesStore {
    /// Rows are written in the order of their keys, so that two consumers can't lock each other out.
    static func add(_ sums: SalesSums, on connection: Connection) throws {
        try addCustomers(sums.customers.sorted { $0.key < $1.key }, on: connection)
        try addDays(sums.articles, table: "sales_by_article", code: "sku", on: connection)
        try addDays(sums.revenues, table: "sales_by_currency", code: "currency", on: connection)
    }

    private static func addCustomers(
        _ rows: [(key: SalesSums.CustomerKey, value: SalesSums.Customer)], on connection: Connection
    ) throws {
        guard !rows.isEmpty else { return }
        _ = try connection.execute(
            """
            INSERT INTO customer_totals AS t
                (tenant, user_id, currency, orders, confirmed, cancelled, spend, first_at, last_at)
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
                                 $7::text[]::numeric[], $8::timestamptz[], $9::timestamptz[])
            ON CONFLICT (tenant, user_id, currency) DO UPDATE SET
                orders = t.orders + excluded.orders, confirmed = t.confirmed + excluded.confirmed,
                cancelled = t.cancelled + excluded.cancelled, spend = t.spend + excluded.spend,
                first_at = least(t.first_at, excluded.first_at), last_at = greatest(t.last_at, excluded.last_at)
            """,
            [
                .textArray(rows.map(\.key.tenant)), .textArray(rows.map(\.key.userID)),
                .textArray(rows.map(\.key.currency)), .int8Array(rows.map(\.value.orders)),
                .int8Array(rows.map(\.value.confirmed)), .int8Array(rows.map(\.value.cancelled)),
                .textArray(rows.map { String($0.value.spend) }), .timestampArray(rows.map(\.value.firstAt)),
                .timestampArray(rows.map(\.value.lastAt)),
            ])
    }

    /// - Parameters table, code: two tables of one shape; names of ours, never input.
    private static func addDays(
        _ sums: [SalesSums.DayKey: SalesSums.Day], table: String, code: String, on connection: Connection
    ) throws {
        let rows = sums.filter { $0.value != SalesSums.Day() }.sorted { $0.key < $1.key }
        guard !rows.isEmpty else { return }
        let keys: [Parameter] = [
            .textArray(rows.map(\.key.tenant)), .textArray(rows.map(\.key.day)), .textArray(rows.map(\.key.code)),
        ]
        _ = try connection.execute(
            """
            INSERT INTO \(table) AS t (tenant, day, \(code), orders, amount)
            SELECT tenant, day::date, code, orders, amount
            FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[]::numeric[])
                 AS d (tenant, day, code, orders, amount)
            ON CONFLICT (tenant, day, \(code)) DO UPDATE SET
                orders = t.orders + excluded.orders, amount = t.amount + excluded.amount
            """,
            keys + [
                .int8Array(rows.map(\.value.orders)), .textArray(rows.map { String($0.value.amount) }),
            ])
        guard rows.contains(where: { $0.value.orders < 0 }) else { return }
        // A row that nothing is left of: a rebuild would never have made it.
        _ = try connection.execute(
            """
            DELETE FROM \(table) t USING unnest($1::text[], $2::text[], $3::text[]) AS d (tenant, day, code)
            WHERE t.tenant = d.tenant AND t.day = d.day::date AND t.\(code) = d.code AND t.orders = 0
            """, keys)
    }

    // MARK: Reading

    /// By currency, in the order of codes.
    static func customer(
        tenant: String, userID: String, on connection: Connection
    ) throws -> [(currency: String, totals: SalesSums.Customer)] {
        try connection.query(
            """
            SELECT currency, orders, confirmed, cancelled, spend, first_at, last_at FROM customer_totals
            WHERE tenant = $1 AND user_id = $2 ORDER BY currency
            """, [.text(tenant), .text(userID)]
        ).map { try customer($0) }
    }

    /// The same of many users, by their ids.
    static func customers(
        tenant: String, userIDs: [String], on connection: Connection
    ) throws -> [String: [(currency: String, totals: SalesSums.Customer)]] {
        var found: [String: [(currency: String, totals: SalesSums.Customer)]] = [:]
        let rows = try connection.query(
            """
            SELECT currency, orders, confirmed, cancelled, spend, first_at, last_at, user_id FROM customer_totals
            WHERE tenant = $1 AND user_id = ANY($2::text[]) ORDER BY user_id, currency
            """, [.text(tenant), .textArray(userIDs)])
        for row in rows { found[try row.get(7, as: String.self), default: []].append(try customer(row)) }
        return found
    }

    private static func customer(_ row: Row) throws -> (currency: String, totals: SalesSums.Customer) {
        (
            try row.get(0, as: String.self),
            SalesSums.Customer(
                orders: try row.get(1, as: Int64.self), confirmed: try row.get(2, as: Int64.self),
                cancelled: try row.get(3, as: Int64.self), spend: try row.get(4, as: Int128.self),
                firstAt: try row.get(5, as: Timestamp.self).microseconds,
                lastAt: try row.get(6, as: Timestamp.self).microseconds)
        )
    }

    struct Period: Sendable {
        let tenant: String
        /// Both days belong to it.
        let from: String
        let to: String
    }

    static func articles(
        _ period: Period, sku: String?, after cursor: SalesCursor? = nil, limit: Int, on connection: Connection
    ) throws -> [(SalesSums.DayKey, SalesSums.Day)] {
        try days(
            connection.query(
                """
                SELECT tenant, day::text, sku, orders, amount FROM sales_by_article
                WHERE tenant = $1 AND day >= $2::text::date AND day <= $3::text::date
                  AND ($4::text IS NULL OR sku = $4)
                  AND ($6::text IS NULL OR (day, sku) > ($6::text::date, $7))
                ORDER BY day, sku LIMIT $5
                """,
                [
                    .text(period.tenant), .text(period.from), .text(period.to), .text(sku), .int8(Int64(limit)),
                    .text(cursor?.day), .text(cursor?.code ?? ""),
                ]))
    }

    static func revenues(
        _ period: Period, after cursor: SalesCursor? = nil, limit: Int, on connection: Connection
    ) throws -> [(SalesSums.DayKey, SalesSums.Day)] {
        try days(
            connection.query(
                """
                SELECT tenant, day::text, currency, orders, amount FROM sales_by_currency
                WHERE tenant = $1 AND day >= $2::text::date AND day <= $3::text::date
                  AND ($5::text IS NULL OR (day, currency) > ($5::text::date, $6))
                ORDER BY day, currency LIMIT $4
                """,
                [
                    .text(period.tenant), .text(period.from), .text(period.to), .int8(Int64(limit)),
                    .text(cursor?.day), .text(cursor?.code ?? ""),
                ]))
    }

    private static func days(_ rows: Rows) throws -> [(SalesSums.DayKey, SalesSums.Day)] {
        try rows.map { row in
            (
                SalesSums.DayKey(
                    tenant: try row.get(0, as: String.self), day: try row.get(1, as: String.self),
                    code: try row.get(2, as: String.self)),
                SalesSums.Day(orders: try row.get(3, as: Int64.self), amount: try row.get(4, as: Int128.self))
            )
        }
    }
}
