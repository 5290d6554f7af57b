import JSON
import Orders

/// Asks the order to be cancelled: everything is undone.
public struct CancelOrder: Command {
    public static let type = "CancelOrder"

    public let orderID: String
    public let reason: String

    public init(orderID: String, reason: String) {
        self.orderID = orderID
        self.reason = reason
    }

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        reason = fields.reason ?? ""
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.reason(reason)
    }
}
