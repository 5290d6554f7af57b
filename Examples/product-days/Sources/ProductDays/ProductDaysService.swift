import Messaging
import OrderflowKit
import Postgres
import UserFacts

extension Replica {
    /// Who customers are, as the order service says it.
    static let buyers = Replica(
        "buyers", of: .userEvents, key: ["user_id"],
        parts: [
            ReplicaPart("said", from: UserCreated.self, by: { [$0.userID] }, columns: [.text("name") { $0.name }])
        ])
}

extension ServiceModule {
    /// A read model of the order service's facts: how many confirmed orders had a product, by day in UTC, and whose.
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
                            tenant text, order_id text, sku text, user_id text NOT NULL, pieces bigint NOT NULL, day date,
                            PRIMARY KEY (tenant, order_id, sku));
                        CREATE INDEX product_days_by_day ON product_days (tenant, sku, day);
                        """),
                Migration(version: 2, name: "buyers", sql: Replica.buyers.definition),
            ])
        Consumes(.orderEvents, usesInbox: false, urgency: .patient) { _ in ProductDaysHandler() }
        RebuiltModel("product-days", tables: ["product_days"], keptBy: "product-days-group")
        Replicates(.buyers)
        Serves { productDayRoutes(from: $0) }
    }
}
