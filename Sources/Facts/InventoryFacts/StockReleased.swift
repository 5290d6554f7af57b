import JSON
import Orders
import Schemas

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

    public static let schema = MessageSchema(
        type, "What was set aside is back on the shelf.",
        [
            .init(1, "orderId", .text),
            .init(2, "items", .list(.record(OrderLine.schema))),
            .init(3, "releasedAt", .time),
        ])

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
