import JSON
import Orders
import Schemas

/// The goods have left.
public struct ShipmentDispatched: OrderFact {
    public static let type = "ShipmentDispatched"

    public let orderID: String
    public let shipmentID: String
    public let trackingNumber: String
    public let at: Int64

    public init(orderID: String, shipmentID: String, trackingNumber: String, at: Int64) {
        self.orderID = orderID
        self.shipmentID = shipmentID
        self.trackingNumber = trackingNumber
        self.at = at
    }

    public static let schema = MessageSchema(
        type, "The goods have left.",
        [
            .init(1, "orderId", .text),
            .init(2, "shipmentId", .text),
            .init(3, "trackingNumber", .text),
            .init(4, "dispatchedAt", .time),
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        shipmentID = try fields.require(fields.shipmentID, "shipmentId")
        trackingNumber = fields.trackingNumber ?? ""
        at = fields.at
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.field("shipmentId", shipmentID)
        json.field("trackingNumber", trackingNumber)
        json.time("dispatchedAt", at)
    }
}
