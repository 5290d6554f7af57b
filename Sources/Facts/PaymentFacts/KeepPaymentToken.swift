import JSON
import Orders
import Schemas

/// Brings payment the token that it has asked for by `SendPaymentToken`.
public struct KeepPaymentToken: Command {
    public static let type = "KeepPaymentToken"

    public let orderID: String
    /// The token, sealed twice (Base64): for payment, and for this answer. Nil where there is none, or none any more.
    public let sealedToken: String?

    public init(orderID: String, sealedToken: String?) {
        self.orderID = orderID
        self.sealedToken = sealedToken
    }

    public static let schema = MessageSchema(
        type, "Brings payment the token that it has asked for by SendPaymentToken.",
        [
            .init(1, "orderId", .text),
            .optional(2, "sealedToken", .text, "Base64. Missing where there is none any more."),
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        sealedToken = fields.sealedToken
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.field("sealedToken", sealedToken)
    }
}
