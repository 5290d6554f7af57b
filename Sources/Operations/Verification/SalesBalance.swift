import Postgres

/// Σ sales: what the read models' sums say is what their orders say.
enum SalesBalance {
    /// Differences named, at most of each kind.
    private static let limit = 1_000

    /// Sums that aren't those of `sales_orders`, in words. A statement for each kind of sum, so of one moment.
    static func check(on connection: Connection) throws -> [String] {
        try connection.withStatementTimeout(.seconds(3600)) { connection in
            try statements.flatMap { sql in
                try connection.query(sql + " LIMIT \(limit)").map { row in
                    "\(try row.get(0, as: String.self)) has \(try row.get(1, as: String.self)), "
                        + "its orders have \(try row.get(2, as: String.self))"
                }
            }
        }
    }

    private static let statements = [
        """
        SELECT concat_ws(' ', tenant, day, currency), concat(s.orders, ' orders of ', s.amount),
               concat(o.orders, ' orders of ', o.amount)
        FROM sales_by_currency s FULL JOIN (
            SELECT tenant, (created_at AT TIME ZONE 'UTC')::date AS day, currency, count(*) AS orders,
                   sum(total) AS amount
            FROM sales_orders WHERE status = 1 AND user_id IS NOT NULL GROUP BY 1, 2, 3
        ) o USING (tenant, day, currency)
        WHERE s.orders IS DISTINCT FROM o.orders OR s.amount IS DISTINCT FROM o.amount
        ORDER BY tenant, day, currency
        """,
        """
        SELECT concat_ws(' ', tenant, day, sku), concat(s.orders, ' orders of ', s.amount, ' pieces'),
               concat(o.orders, ' orders of ', o.amount, ' pieces')
        FROM sales_by_article s FULL JOIN (
            SELECT tenant, (created_at AT TIME ZONE 'UTC')::date AS day, line->>'sku' AS sku,
                   count(DISTINCT order_id) AS orders, sum((line->>'qty')::bigint) AS amount
            FROM sales_orders, json_array_elements(items) line
            WHERE status = 1 AND user_id IS NOT NULL GROUP BY 1, 2, 3
        ) o USING (tenant, day, sku)
        WHERE s.orders IS DISTINCT FROM o.orders OR s.amount IS DISTINCT FROM o.amount
        ORDER BY tenant, day, sku
        """,
        """
        SELECT concat_ws(' ', tenant, 'customer', user_id, currency),
               concat(c.orders, ' orders, ', c.confirmed, ' of them confirmed, ', c.cancelled, ' cancelled, spend ', c.spend),
               concat(o.orders, ' orders, ', o.confirmed, ' of them confirmed, ', o.cancelled, ' cancelled, spend ', o.spend)
        FROM customer_totals c FULL JOIN (
            SELECT tenant, user_id, currency, count(*) AS orders, count(*) FILTER (WHERE status = 1) AS confirmed,
                   count(*) FILTER (WHERE status = 2) AS cancelled,
                   COALESCE(sum(total) FILTER (WHERE status = 1), 0) AS spend
            FROM sales_orders WHERE user_id IS NOT NULL GROUP BY 1, 2, 3
        ) o USING (tenant, user_id, currency)
        WHERE c.orders IS DISTINCT FROM o.orders OR c.confirmed IS DISTINCT FROM o.confirmed
           OR c.cancelled IS DISTINCT FROM o.cancelled OR c.spend IS DISTINCT FROM o.spend
        ORDER BY tenant, user_id, currency
        """,
    ]
}
