import JSON
import Orders
import Schemas

/// An order was cancelled before its time: it was never placed, and nothing is to be undone.
public struct OrderWithdrawn: OrderFact {
    public static let type = "OrderWithdrawn"

    public let orderID: String
    public let reason: String
    public let at: Int64

    public init(orderID: String, reason: String, at: Int64) {
        self.orderID = orderID
        self.reason = reason
        self.at = at
    }

    public static let schema = MessageSchema(
        type, "An order was cancelled before its time: it was never placed.",
        [
            .init(1, "orderId", .text),
            .init(2, "reason", .text),
            .init(3, "withdrawnAt", .time),
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        reason = fields.reason ?? ""
        at = fields.at
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.reason(reason)
        json.time("withdrawnAt", at)
    }
}
