import JSON
import Orders
import Schemas

/// The customer wants out; what succeeded so far has to be undone first.
public struct OrderCancellationRequested: OrderFact {
    public static let type = "OrderCancellationRequested"

    public let orderID: String
    public let reason: String
    public let at: Int64

    public init(orderID: String, reason: String, at: Int64) {
        self.orderID = orderID
        self.reason = reason
        self.at = at
    }

    public static let schema = MessageSchema(
        type, "The customer wants out; what succeeded so far has to be undone first.",
        [
            .init(1, "orderId", .text),
            .init(2, "reason", .text),
            .init(3, "requestedAt", .time),
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        reason = fields.reason ?? ""
        at = fields.at
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.reason(reason)
        json.time("requestedAt", at)
    }
}
