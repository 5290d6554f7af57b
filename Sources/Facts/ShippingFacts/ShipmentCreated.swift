import JSON
import Orders
import Schemas

/// A shipment is prepared.
public struct ShipmentCreated: OrderFact {
    public static let type = "ShipmentCreated"

    public let orderID: String
    public let shipmentID: String
    public let at: Int64

    public init(orderID: String, shipmentID: String, at: Int64) {
        self.orderID = orderID
        self.shipmentID = shipmentID
        self.at = at
    }

    public static let schema = MessageSchema(
        type, "A shipment is prepared.",
        [
            .init(1, "orderId", .text),
            .init(2, "shipmentId", .text),
            .init(3, "createdAt", .time),
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        shipmentID = try fields.require(fields.shipmentID, "shipmentId")
        at = fields.at
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.field("shipmentId", shipmentID)
        json.time("createdAt", at)
    }
}
