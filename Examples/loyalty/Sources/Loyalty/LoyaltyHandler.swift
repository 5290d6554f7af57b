import Execution
import Messaging
import Postgres

/// An order earns its points once, however often it is asked for them; points that were taken back stay so, also where
/// that is asked for first: of two numbers for one order the lower one counts.
struct LoyaltyHandler: BatchHandler {
    let topic: String
    let source: String
    let types: Set = [EarnPoints.type, TakeBackPoints.type]

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        func keep(_ points: Int, of order: String, for user: String, tenant: String) throws {
            _ = try connection.execute(
                """
                INSERT INTO loyalty (tenant, order_id, user_id, points) VALUES ($1, $2, $3, $4)
                ON CONFLICT (tenant, order_id) DO UPDATE SET points = least(loyalty.points, excluded.points)
                """, [.text(tenant), .text(order), .text(user), .int(points)])
        }
        for message in messages {
            let now = WallClock.nowMicroseconds()
            if let order = try message.payload(as: EarnPoints.self) {
                try keep(order.points, of: order.orderID, for: order.userID, tenant: message.tenant)
                let fact = PointsEarned(orderID: order.orderID, at: now)
                outbox.append(try message.causes(fact, topic: topic, source: source))
            } else if let order = try message.payload(as: TakeBackPoints.self) {
                try keep(0, of: order.orderID, for: "", tenant: message.tenant)
                let fact = PointsTakenBack(orderID: order.orderID, at: now)
                outbox.append(try message.causes(fact, topic: topic, source: source))
            }
        }
    }
}
