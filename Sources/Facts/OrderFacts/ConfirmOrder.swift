import JSON
import Orders
import Schemas

/// Asks the order to be confirmed: everything succeeded.
public struct ConfirmOrder: Command {
    public static let type = "ConfirmOrder"

    public let orderID: String

    public init(orderID: String) {
        self.orderID = orderID
    }

    public static let schema = MessageSchema(
        type, "Asks the order to be confirmed: everything succeeded.",
        [
            .init(1, "orderId", .text)
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
    }
}
