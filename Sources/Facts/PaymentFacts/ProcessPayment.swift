import JSON
import Orders

/// Asks for the customer to be charged.
public struct ProcessPayment: Command {
    public static let type = "ProcessPayment"

    public let orderID: String
    public let userID: String
    public let amount: Money
    public let paymentToken: String?

    public init(orderID: String, userID: String, amount: Money, paymentToken: String? = nil) {
        self.orderID = orderID
        self.userID = userID
        self.amount = amount
        self.paymentToken = paymentToken
    }

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        userID = try fields.require(fields.userID, "userId")
        amount = try fields.require(fields.amount, "amount")
        paymentToken = fields.paymentToken
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.field("userId", userID)
        json.money("amount", amount)
        json.field("paymentToken", paymentToken)
    }
}
