import JSON
import Orders
import Schemas

/// Nothing will be shipped.
public struct ShipmentCancelled: OrderFact {
    public static let type = "ShipmentCancelled"

    public let orderID: String
    /// Nil where the order was cancelled before a shipment was prepared.
    public let shipmentID: String?
    public let at: Int64

    public init(orderID: String, shipmentID: String?, at: Int64) {
        self.orderID = orderID
        self.shipmentID = shipmentID
        self.at = at
    }

    public static let schema = MessageSchema(
        type, "Nothing will be shipped.",
        [
            .init(1, "orderId", .text),
            .optional(2, "shipmentId", .text, "Missing where the order was cancelled before a shipment was prepared."),
            .init(3, "cancelledAt", .time),
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        shipmentID = fields.shipmentID
        at = fields.at
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.field("shipmentId", shipmentID)
        json.time("cancelledAt", at)
    }
}
