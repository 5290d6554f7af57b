import JSON
import Orders

/// The payment that was to be undone was never made.
public struct PaymentVoided: OrderFact {
    public static let type = "PaymentVoided"

    public let orderID: String
    public let at: Int64

    public init(orderID: String, at: Int64) {
        self.orderID = orderID
        self.at = at
    }

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        at = fields.at
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.time("voidedAt", at)
    }
}
