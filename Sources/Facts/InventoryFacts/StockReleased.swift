import JSON
import Orders

/// What was set aside is back on the shelf.
public struct StockReleased: OrderFact {
    public static let type = "StockReleased"

    public let orderID: String
    /// None where nothing had been reserved.
    public let items: [OrderLine]
    public let at: Int64

    public init(orderID: String, items: [OrderLine], at: Int64) {
        self.orderID = orderID
        self.items = items
        self.at = at
    }

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        items = fields.items
        at = fields.at
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.items(items)
        json.time("releasedAt", at)
    }
}
