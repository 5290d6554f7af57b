import JSON
import Orders

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
