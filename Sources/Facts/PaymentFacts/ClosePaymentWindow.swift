import JSON
import Orders

/// Payment's own reminder: what a charge waits for has had its time.
public struct ClosePaymentWindow: Command {
    public static let type = "ClosePaymentWindow"

    public let orderID: String

    public init(orderID: String) { self.orderID = orderID }

    public init(_ fields: PayloadFields) throws(PayloadError) { orderID = fields.orderID }

    public func write(into json: inout JSONWriter) { json.field("orderId", orderID) }
}
