import JSON
import Orders
import Schemas

/// Asks to make sure that the customer's money is back, or never taken.
public struct RefundPayment: Command {
    public static let type = "RefundPayment"

    public let orderID: String
    public let reason: String

    public init(orderID: String, reason: String) {
        self.orderID = orderID
        self.reason = reason
    }

    public static let schema = MessageSchema(
        type, "Asks to make sure that the customer's money is back, or never taken.",
        [
            .init(1, "orderId", .text),
            .init(2, "reason", .text),
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        reason = fields.reason ?? ""
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.reason(reason)
    }
}
