import JSON
import Orders
import Schemas

/// Asks the order to be cancelled: everything is undone.
public struct CancelOrder: Command {
    public static let type = "CancelOrder"

    public let orderID: String
    public let reason: String

    public init(orderID: String, reason: String) {
        self.orderID = orderID
        self.reason = reason
    }

    public static let schema = MessageSchema(
        type, "Asks the order to be cancelled: everything is undone.",
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
