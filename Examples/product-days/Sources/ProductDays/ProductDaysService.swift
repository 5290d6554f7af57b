import HTTPServer
import JSON
import Messaging
import OrderflowKit
import Postgres

extension ServiceModule {
    /// A read model of the order service's facts: how many confirmed orders had a product, by day in UTC.
    public static let productDays = ServiceModule("product-days", port: 11, summary: "counts products by day") {
        ServiceDatabase(
            "product_days", requests: .reading,
            migrations: [
                Migration(
                    version: 1, name: "product days",
                    sql: """
                        \(MessagingSchema.v1)
                        \(MessagingSchema.v2)
                        CREATE TABLE product_days (
                            tenant text, order_id text, sku text, pieces bigint NOT NULL, day date,
                            PRIMARY KEY (tenant, order_id, sku));
                        CREATE INDEX product_days_by_day ON product_days (tenant, sku, day);
                        """)
            ])
        Consumes(.orderEvents, usesInbox: false, urgency: .patient) { _ in ProductDaysHandler() }
        RebuiltModel("product-days", tables: ["product_days"])
        Serves { database in
            Routes(needing: .reportsRead, .noCache) {
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
                        var json = JSONWriter()
                        try json.object { json in
                            json.field("sku", sku)
                            json.key("days")
                            try json.array { json in
                                for day in days {
                                    try json.object { json in
                                        json.field("day", try day.get(0, as: String.self))
                                        json.field("orders", try day.get(1, as: Int64.self))
                                        json.field("pieces", try day.get(2, as: Int64.self))
                                    }
                                }
                            }
                        }
                        return .json(.ok, json.bytes)
                    }
                }
            }
        }
    }
}
