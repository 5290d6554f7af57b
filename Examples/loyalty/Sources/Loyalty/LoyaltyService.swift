import HTTPServer
import JSON
import Messaging
import OrderFacts
import OrderflowKit
import Postgres
import UserFacts

extension Topic {
    static let loyaltyCommands = Topic(
        "loyalty_commands", called: "loyalty-commands", "From the saga to loyalty.", hasExpressLane: true)
}

extension Replica {
    /// Who customers are, as the order service says it.
    static let customers = Replica(
        "customers", of: .userEvents, key: ["user_id"],
        parts: [
            ReplicaPart("said", from: UserCreated.self, by: { [$0.userID] }, columns: [.text("name") { $0.name }])
        ])
}

extension ServiceModule {
    /// Gives customers points for their orders, a point for each whole unit of money.
    public static let loyalty = ServiceModule("loyalty", port: 10, summary: "gives points for orders") {
        ServiceDatabase(
            "loyalty",
            migrations: [
                Migration(
                    version: 1, name: "points",
                    sql: """
                        \(MessagingSchema.v1)
                        CREATE TABLE loyalty (
                            tenant text, order_id text, user_id text, points bigint, PRIMARY KEY (tenant, order_id));
                        """),
                Migration(version: 2, name: "later parts of messaging", sql: MessagingSchema.v2),
                Migration(version: 3, name: "customers", sql: Replica.customers.definition),
            ])
        Owns(.loyaltyCommands)
        Accepts(EarnPoints.self, TakeBackPoints.self, on: .loyaltyCommands)
        Publishes(PointsEarned.self, PointsTakenBack.self, on: .orderEvents)
        Consumes(.loyaltyCommands) { LoyaltyHandler(topic: $0.topics[.orderEvents], source: $0.source) }
        FulfilmentStep(
            "points", after: ["payment"],
            asks: .init(.loyaltyCommands) { order, _ in
                EarnPoints(orderID: order.orderID, userID: order.userID, points: Int(order.total.minorUnits / 100))
            },
            succeededBy: [PointsEarned.type], within: .seconds(60),
            undoneBy: .init(
                .init(.loyaltyCommands) { order, _ in TakeBackPoints(orderID: order.orderID) },
                doneBy: [PointsTakenBack.type]))
        RebuiltModel("points", tables: ["loyalty"])
        Replicates(.customers)
        Serves { database in
            Routes(needing: .reportsRead, .noCache) {
                Get("/loyalty/:userId", from: database) { request, context in
                    let user = request.pathParameter("userId")
                    return PooledAnswer { connection in
                        let row = try connection.query(
                            """
                            SELECT coalesce(sum(points), 0)::bigint,
                                   (SELECT name FROM customers WHERE tenant = $1 AND user_id = $2)
                            FROM loyalty WHERE tenant = $1 AND user_id = $2
                            """, [.text(context.tenant), .text(user)]
                        ).one()
                        let (points, name) = (try row.get(0, as: Int64.self), try row.get(1, as: String?.self))
                        var json = JSONWriter()
                        json.object { json in
                            json.field("points", points)
                            json.field("name", name)
                        }
                        return .json(.ok, json.bytes)
                    }
                }
            }
        }
        Evidence("points are no debts", sql: "SELECT order_id, points FROM loyalty WHERE points < 0")
    }
}
