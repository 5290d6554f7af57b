import JSON
import Orders
import Schemas

/// The payment that was to be undone was never made.
public struct PaymentVoided: OrderFact {
    public static let type = "PaymentVoided"

    public let orderID: String
    public let at: Int64

    public init(orderID: String, at: Int64) {
        self.orderID = orderID
        self.at = at
    }

    public static let schema = MessageSchema(
        type, "The payment that was to be undone was never made.",
        [
            .init(1, "orderId", .text),
            .init(2, "voidedAt", .time),
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        at = fields.at
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.time("voidedAt", at)
    }
}
