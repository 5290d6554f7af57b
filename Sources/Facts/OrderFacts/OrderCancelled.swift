import JSON
import Orders
import Schemas

/// The end of an order that isn't delivered; money and stock are back.
public struct OrderCancelled: OrderFact {
    public static let type = "OrderCancelled"

    public let orderID: String
    public let userID: String
    public let total: Money
    public let reason: String
    public let at: Int64

    public init(orderID: String, userID: String, total: Money, reason: String, at: Int64) {
        self.orderID = orderID
        self.userID = userID
        self.total = total
        self.reason = reason
        self.at = at
    }

    public static let schema = MessageSchema(
        type, "The end of an order that isn't delivered; money and stock are back.",
        [
            .init(1, "orderId", .text),
            .init(2, "userId", .text),
            .init(3, "total", .amount),
            .init(4, "currency", .text, "ISO 4217."),
            .init(5, "reason", .text),
            .init(6, "cancelledAt", .time),
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        userID = try fields.require(fields.userID, "userId")
        total = try fields.require(fields.total, "total")
        reason = fields.reason ?? ""
        at = fields.at
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.field("userId", userID)
        json.money("total", total)
        json.reason(reason)
        json.time("cancelledAt", at)
    }
}
