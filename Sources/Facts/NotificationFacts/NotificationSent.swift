import JSON
import Orders
import Schemas

/// The mail server has taken a mail to the customer.
public struct NotificationSent: OrderFact {
    public static let type = "NotificationSent"

    public let orderID: String
    public let kind: String
    public let recipient: String
    public let messageID: String
    public let at: Int64

    public init(orderID: String, kind: String, recipient: String, messageID: String, at: Int64) {
        self.orderID = orderID
        self.kind = kind
        self.recipient = recipient
        self.messageID = messageID
        self.at = at
    }

    public static let schema = MessageSchema(
        type, "The mail server has taken a mail to the customer.",
        [
            .init(1, "orderId", .text),
            .init(2, "kind", .text),
            .init(3, "recipient", .text),
            .init(4, "messageId", .text),
            .init(5, "sentAt", .time),
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        kind = try fields.require(fields.kind, "kind")
        recipient = fields.recipient ?? ""
        messageID = fields.messageID ?? ""
        at = fields.at
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.field("kind", kind)
        json.field("recipient", recipient)
        json.field("messageId", messageID)
        json.time("sentAt", at)
    }
}
