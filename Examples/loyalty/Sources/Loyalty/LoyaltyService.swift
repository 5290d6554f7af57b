import HTTPServer
import Messaging
import OrderFacts
import OrderflowKit
import Postgres

extension Topic {
    static let loyaltyCommands = Topic(
        "loyalty_commands", called: "loyalty-commands", "From the saga to loyalty.", hasExpressLane: true)
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
        Serves { database in
            Routes(needing: .reportsRead, .noCache) {
                Get("/loyalty/:userId", from: database) { request, context in
                    let user = request.pathParameter("userId")
                    return PooledAnswer { connection in
                        let points = try connection.query(
                            "SELECT coalesce(sum(points), 0)::bigint FROM loyalty WHERE tenant = $1 AND user_id = $2",
                            [.text(context.tenant), .text(user)]
                        ).one().get(0, as: Int64.self)
                        return .json(.ok, Array(#"{"points":\#(points)}"#.utf8))
                    }
                }
            }
        }
        Evidence("points are no debts", sql: "SELECT order_id, points FROM loyalty WHERE points < 0")
    }
}
