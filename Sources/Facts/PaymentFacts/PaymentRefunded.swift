import JSON
import Orders
import Schemas

/// The customer's money is back.
public struct PaymentRefunded: OrderFact {
    public static let type = "PaymentRefunded"

    public let orderID: String
    public let amount: Money
    /// The gateway's.
    public let reference: String
    public let at: Int64

    public init(orderID: String, amount: Money, reference: String, at: Int64) {
        self.orderID = orderID
        self.amount = amount
        self.reference = reference
        self.at = at
    }

    public static let schema = MessageSchema(
        type, "The customer's money is back.",
        [
            .init(1, "orderId", .text),
            .init(2, "amount", .amount),
            .init(3, "currency", .text, "ISO 4217."),
            .init(4, "reference", .text, "The gateway's."),
            .init(5, "refundedAt", .time),
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        amount = try fields.require(fields.amount, "amount")
        reference = fields.reference ?? ""
        at = fields.at
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.money("amount", amount)
        json.field("reference", reference)
        json.time("refundedAt", at)
    }
}
