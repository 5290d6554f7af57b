import JSON
import Orders
import Schemas

/// The order service's own reminder: an order's time has come.
public struct PlaceOrder: Command {
    public static let type = "PlaceOrder"

    public let orderID: String

    public init(orderID: String) { self.orderID = orderID }

    public static let schema = MessageSchema(
        type, "The order service's own reminder: an order's time has come.",
        [
            .init(1, "orderId", .text)
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) { orderID = fields.orderID }

    public func write(into json: inout JSONWriter) { json.field("orderId", orderID) }
}
