import JSON
import Orders

/// Asks the order to be confirmed: everything succeeded.
public struct ConfirmOrder: Command {
    public static let type = "ConfirmOrder"

    public let orderID: String

    public init(orderID: String) {
        self.orderID = orderID
    }

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
    }
}
