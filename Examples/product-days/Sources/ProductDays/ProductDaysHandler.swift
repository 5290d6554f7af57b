import Messaging
import OrderFacts
import Postgres

/// A row for each product of an order, which counts from the day on which the order is confirmed. A copy of a fact
/// changes nothing: the row is there already, and has its day.
struct ProductDaysHandler: BatchHandler {
    let types: Set = [OrderCreated.type, OrderConfirmed.type]

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        for message in messages {
            if let order = try message.payload(as: OrderCreated.self) {
                _ = try connection.execute(
                    """
                    INSERT INTO product_days (tenant, order_id, user_id, sku, pieces)
                    SELECT $1, $2, $3, sku, sum(pieces) FROM unnest($4::text[], $5::bigint[]) AS line (sku, pieces)
                    GROUP BY sku ON CONFLICT DO NOTHING
                    """,
                    [
                        .text(message.tenant), .text(order.orderID), .text(order.userID),
                        .textArray(order.items.map(\.sku)), .int8Array(order.items.map { Int64($0.quantity) }),
                    ])
            } else if let order = try message.payload(as: OrderConfirmed.self) {
                _ = try connection.execute(
                    """
                    UPDATE product_days SET day = ($3 AT TIME ZONE 'UTC')::date
                    WHERE tenant = $1 AND order_id = $2 AND day IS NULL
                    """, [.text(message.tenant), .text(order.orderID), .timestamp(order.at)])
            }
        }
    }
}
