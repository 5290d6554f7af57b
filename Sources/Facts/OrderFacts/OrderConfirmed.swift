import JSON
import Orders
import Schemas

/// The pivot: stock, money and shipment are there; from here on the order is delivered.
public struct OrderConfirmed: OrderFact {
    public static let type = "OrderConfirmed"

    public let orderID: String
    public let userID: String
    public let total: Money
    public let at: Int64

    public init(orderID: String, userID: String, total: Money, at: Int64) {
        self.orderID = orderID
        self.userID = userID
        self.total = total
        self.at = at
    }

    public static let schema = MessageSchema(
        type, "The pivot: stock, money and shipment are there; from here on the order is delivered.",
        [
            .init(1, "orderId", .text),
            .init(2, "userId", .text),
            .init(3, "total", .amount),
            .init(4, "currency", .text, "ISO 4217."),
            .init(5, "confirmedAt", .time),
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        userID = try fields.require(fields.userID, "userId")
        total = try fields.require(fields.total, "total")
        at = fields.at
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.field("userId", userID)
        json.money("total", total)
        json.time("confirmedAt", at)
    }
}
