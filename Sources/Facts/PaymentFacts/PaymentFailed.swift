import JSON
import Orders
import Schemas

/// Nothing was charged, nor will be.
public struct PaymentFailed: OrderFact {
    public static let type = "PaymentFailed"

    public let orderID: String
    public let reason: String
    public let at: Int64

    public init(orderID: String, reason: String, at: Int64) {
        self.orderID = orderID
        self.reason = reason
        self.at = at
    }

    public static let schema = MessageSchema(
        type, "Nothing was charged, nor will be.",
        [
            .init(1, "orderId", .text),
            .init(2, "reason", .text),
            .init(3, "failedAt", .time),
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        reason = fields.reason ?? ""
        at = fields.at
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.reason(reason)
        json.time("failedAt", at)
    }
}
