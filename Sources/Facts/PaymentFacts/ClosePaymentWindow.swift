import JSON
import Orders
import Schemas

/// Payment's own reminder: what a charge waits for has had its time.
public struct ClosePaymentWindow: Command {
    public static let type = "ClosePaymentWindow"

    public let orderID: String

    public init(orderID: String) { self.orderID = orderID }

    public static let schema = MessageSchema(
        type, "Payment's own reminder: what a charge waits for has had its time.",
        [
            .init(1, "orderId", .text)
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) { orderID = fields.orderID }

    public func write(into json: inout JSONWriter) { json.field("orderId", orderID) }
}
