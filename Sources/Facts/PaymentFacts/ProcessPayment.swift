import JSON
import Orders
import Schemas

/// Asks for the customer to be charged.
public struct ProcessPayment: Command {
    public static let type = "ProcessPayment"

    public let orderID: String
    public let userID: String
    public let amount: Money
    /// Readable, as the order has it.
    public let paymentToken: String?
    /// Whether the order service keeps a token for it, sealed.
    public let hasSealedToken: Bool

    public init(
        orderID: String, userID: String, amount: Money, paymentToken: String? = nil, hasSealedToken: Bool = false
    ) {
        self.orderID = orderID
        self.userID = userID
        self.amount = amount
        self.paymentToken = paymentToken
        self.hasSealedToken = hasSealedToken
    }

    public static let schema = MessageSchema(
        type, "Asks for the customer to be charged.",
        [
            .init(1, "orderId", .text),
            .init(2, "userId", .text),
            .init(3, "amount", .amount),
            .init(4, "currency", .text, "ISO 4217."),
            .optional(5, "paymentToken", .text, "Readable, as the order has it."),
            .optional(6, "paymentTokenSealed", .bool, "Whether the order service keeps a token for it."),
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        userID = try fields.require(fields.userID, "userId")
        amount = try fields.require(fields.amount, "amount")
        paymentToken = fields.paymentToken
        hasSealedToken = fields.hasSealedToken
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.field("userId", userID)
        json.money("amount", amount)
        json.field("paymentToken", paymentToken)
        if hasSealedToken { json.field("paymentTokenSealed", true) }
    }
}
