import JSON
import Orders
import Schemas

/// It is time to remind the customer of an order that will be placed soon.
public struct OrderReminderDue: OrderFact {
    public static let type = "OrderReminderDue"

    public let orderID: String
    /// When the order will be placed, microseconds since the Unix epoch, as all times.
    public let placeAt: Int64
    public let at: Int64

    public init(orderID: String, placeAt: Int64, at: Int64) {
        self.orderID = orderID
        self.placeAt = placeAt
        self.at = at
    }

    public static let schema = MessageSchema(
        type, "It is time to remind the customer of an order that will be placed soon.",
        [
            .init(1, "orderId", .text),
            .init(2, "placeAt", .time),
            .init(3, "remindedAt", .time),
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        placeAt = try fields.require(fields.placeAt, "placeAt")
        at = fields.at
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.time("placeAt", placeAt)
        json.time("remindedAt", at)
    }
}
