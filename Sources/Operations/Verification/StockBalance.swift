import Postgres

/// Σ stock: what the levels say is set aside or gone is what the reservations say.
enum StockBalance {
    /// Articles whose counts don't agree, in words. One statement, so of one moment.
    static func check(on connection: Connection) throws -> [String] {
        let rows = try connection.withStatementTimeout(.seconds(3600)) { connection in
            try connection.query(
                """
                SELECT tenant, sku, on_hand, stock.reserved, stock.consumed,
                       COALESCE(held.reserved, 0)::bigint, COALESCE(held.consumed, 0)::bigint
                FROM stock FULL JOIN (
                    SELECT tenant, lines.sku,
                           sum(quantity) FILTER (WHERE status = 'reserved') AS reserved,
                           sum(quantity) FILTER (WHERE status = 'consumed') AS consumed
                    FROM reservation_lines lines JOIN reservations USING (tenant, order_id)
                    WHERE counted AND status IN ('reserved', 'consumed')
                    GROUP BY tenant, lines.sku
                ) held USING (tenant, sku)
                WHERE stock.reserved IS DISTINCT FROM COALESCE(held.reserved, 0)
                   OR stock.consumed IS DISTINCT FROM COALESCE(held.consumed, 0)
                ORDER BY tenant, sku
                """)
        }
        return try rows.map { row in
            let article = "\(try row.get(0, as: String.self))/\(try row.get(1, as: String.self))"
            let (reserved, consumed) = (try row.get(5, as: Int64.self), try row.get(6, as: Int64.self))
            guard let levelReserved = try row.get(3, as: Int64?.self),
                let levelConsumed = try row.get(4, as: Int64?.self)
            else { return "\(article): reservations of \(reserved) and no level" }
            return
                "\(article): the level has \(levelReserved) reserved and \(levelConsumed) gone, "
                + "the reservations \(reserved) and \(consumed)"
        }
    }
}
