import Execution
import Messaging
import Orders
import Postgres

/// An order earns its points once, however often it is asked for them; points that were taken back stay so.
struct LoyaltyHandler: BatchHandler {
    let topic: String
    let source: String
    let types: Set = [EarnPoints.type, TakeBackPoints.type]

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        for message in messages {
            let now = WallClock.nowMicroseconds()
            if let order = try message.payload(as: EarnPoints.self) {
                _ = try connection.execute(
                    """
                    INSERT INTO loyalty (tenant, order_id, user_id, points) VALUES ($1, $2, $3, $4)
                    ON CONFLICT DO NOTHING
                    """, [.text(message.tenant), .text(order.orderID), .text(order.userID), .int(order.points)])
                let answer = PointsEarned(orderID: order.orderID, at: now)
                outbox.append(try message.causes(answer, topic: topic, source: source))
            } else if let order = try message.payload(as: TakeBackPoints.self) {
                // Also where none were earned: the command that would earn them may come later, and finds the row.
                _ = try connection.execute(
                    """
                    INSERT INTO loyalty (tenant, order_id, user_id, points) VALUES ($1, $2, '', 0)
                    ON CONFLICT (tenant, order_id) DO UPDATE SET points = 0
                    """, [.text(message.tenant), .text(order.orderID)])
                let answer = PointsTakenBack(orderID: order.orderID, at: now)
                outbox.append(try message.causes(answer, topic: topic, source: source))
            }
        }
    }
}
