import JSON
import Orders
import Schemas

/// An order's lines can't be set aside, and none was.
public struct StockRejected: OrderFact {
    public static let type = "StockRejected"

    public let orderID: String
    public let reason: String
    /// The article that is short.
    public let sku: String?
    public let at: Int64

    public init(orderID: String, reason: String, sku: String? = nil, at: Int64) {
        self.orderID = orderID
        self.reason = reason
        self.sku = sku
        self.at = at
    }

    public static let schema = MessageSchema(
        type, "An order's lines can't be set aside, and none was.",
        [
            .init(1, "orderId", .text),
            .init(2, "reason", .text),
            .optional(3, "sku", .text, "The article that is short."),
            .init(4, "rejectedAt", .time),
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        reason = fields.reason ?? ""
        sku = fields.sku
        at = fields.at
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.reason(reason)
        json.field("sku", sku)
        json.time("rejectedAt", at)
    }
}
