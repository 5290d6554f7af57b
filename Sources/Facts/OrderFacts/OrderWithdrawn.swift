import JSON
import Orders

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
