import HTTPServer
import JSON
import OrderflowKit
import Postgres

/// `GET /product-days/{sku}`, the latest days first, and `GET /product-days/{sku}/buyers`, who ordered it most often first.
func productDayRoutes(from database: ConnectionPool) -> [Routes] {
    let routes = Routes(needing: .reportsRead, .noCache) {
        Get("/product-days/:sku", from: database) { request, context in
            let sku = request.pathParameter("sku")
            let limit = try request.limit(1...366, default: 30)
            return PooledAnswer { connection in
                let days = try connection.query(
                    """
                    SELECT day::text, count(*), sum(pieces)::bigint FROM product_days
                    WHERE tenant = $1 AND sku = $2 AND day IS NOT NULL
                    GROUP BY day ORDER BY day DESC LIMIT $3
                    """, [.text(context.tenant), .text(sku), .int(limit)])
                return try answer(sku, "days", days) { day, json in
                    json.field("day", try day.get(0, as: String.self))
                    json.field("orders", try day.get(1, as: Int64.self))
                    json.field("pieces", try day.get(2, as: Int64.self))
                }
            }
        }
        Get("/product-days/:sku/buyers", from: database) { request, context in
            let sku = request.pathParameter("sku")
            let limit = try request.limit(1...100, default: 20)
            return PooledAnswer { connection in
                let buyers = try connection.query(
                    """
                    SELECT user_id, name, count(*) FROM product_days LEFT JOIN buyers USING (tenant, user_id)
                    WHERE tenant = $1 AND sku = $2 AND day IS NOT NULL
                    GROUP BY user_id, name ORDER BY count(*) DESC, user_id LIMIT $3
                    """, [.text(context.tenant), .text(sku), .int(limit)])
                return try answer(sku, "buyers", buyers) { buyer, json in
                    json.field("userId", try buyer.get(0, as: String.self))
                    json.field("name", try buyer.get(1, as: String?.self))
                    json.field("orders", try buyer.get(2, as: Int64.self))
                }
            }
        }
    }
    return [routes]
}

private func answer(
    _ sku: String, _ name: StaticString, _ rows: Rows, each: (Row, inout JSONWriter) throws -> Void
) throws -> HTTPResponse {
    var json = JSONWriter()
    try json.object { json in
        json.field("sku", sku)
        json.key(name)
        try json.array { json in
            for row in rows { try json.object { try each(row, &$0) } }
        }
    }
    return .json(.ok, json.bytes)
}
