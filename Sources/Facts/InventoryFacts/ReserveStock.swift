import JSON
import Orders
import Schemas

/// Asks for all of an order's lines to be set aside, or none.
public struct ReserveStock: Command {
    public static let type = "ReserveStock"

    public let orderID: String
    public let items: [OrderLine]

    public init(orderID: String, items: [OrderLine]) {
        self.orderID = orderID
        self.items = items
    }

    public static let schema = MessageSchema(
        type, "Asks for all of an order's lines to be set aside, or none.",
        [
            .init(1, "orderId", .text),
            .init(2, "items", .list(.record(OrderLine.schema))),
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        items = try fields.requiredItems()
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.items(items)
    }
}
