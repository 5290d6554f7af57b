import JSON
import Orders
import Schemas

/// A mail to the customer was not sent by the time at which it would have been of no use any more, nor will it be.
public struct NotificationExpired: OrderFact {
    public static let type = "NotificationExpired"

    public let orderID: String
    public let kind: String
    /// Microseconds since the Unix epoch, as all times.
    public let expiresAt: Int64
    public let at: Int64

    public init(orderID: String, kind: String, expiresAt: Int64, at: Int64) {
        self.orderID = orderID
        self.kind = kind
        self.expiresAt = expiresAt
        self.at = at
    }

    public static let schema = MessageSchema(
        type, "A mail was of no use any more and was not sent, nor will be.",
        [
            .init(1, "orderId", .text),
            .init(2, "kind", .text),
            .init(3, "expiresAt", .time),
            .init(4, "expiredAt", .time),
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        kind = try fields.require(fields.kind, "kind")
        expiresAt = try fields.require(fields.expiresAt, "expiresAt")
        at = fields.at
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.field("kind", kind)
        json.time("expiresAt", expiresAt)
        json.time("expiredAt", at)
    }
}
