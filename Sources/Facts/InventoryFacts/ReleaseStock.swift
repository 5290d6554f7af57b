import JSON
import Orders
import Schemas

/// Asks to make sure that nothing is set aside, now or later.
public struct ReleaseStock: Command {
    public static let type = "ReleaseStock"

    public let orderID: String

    public init(orderID: String) {
        self.orderID = orderID
    }

    public static let schema = MessageSchema(
        type, "Asks to make sure that nothing is set aside, now or later.",
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
