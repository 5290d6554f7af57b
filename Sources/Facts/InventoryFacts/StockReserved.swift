import JSON
import Orders
import Schemas

/// All of an order's lines are set aside.
public struct StockReserved: OrderFact {
    public static let type = "StockReserved"

    public let orderID: String
    public let items: [OrderLine]
    public let at: Int64

    public init(orderID: String, items: [OrderLine], at: Int64) {
        self.orderID = orderID
        self.items = items
        self.at = at
    }

    public static let schema = MessageSchema(
        type, "All of an order's lines are set aside.",
        [
            .init(1, "orderId", .text),
            .init(2, "items", .list(.record(OrderLine.schema))),
            .init(3, "reservedAt", .time),
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        items = fields.items
        at = fields.at
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.items(items)
        json.time("reservedAt", at)
    }
}
