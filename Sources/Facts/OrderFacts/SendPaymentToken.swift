import JSON
import Orders
import Schemas

/// Asks for the token that the order service keeps for an order's payment. Only payment can open it, and the answer on
/// the topic nobody any more, once payment has dropped the key.
public struct SendPaymentToken: Command {
    public static let type = "SendPaymentToken"

    public let orderID: String
    /// The public key (X25519, Base64) to seal the answer with: of a pair that payment has made for this order alone.
    public let tokenKey: String

    public init(orderID: String, tokenKey: String) {
        self.orderID = orderID
        self.tokenKey = tokenKey
    }

    public static let schema = MessageSchema(
        type,
        "Asks for the token that the order service keeps for an order's payment. Only payment can open it, and the answer on the topic nobody any more, once payment has dropped the key.",
        [
            .init(1, "orderId", .text),
            .init(2, "tokenKey", .text, "A public key of X25519 in Base64, made for this order alone."),
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        tokenKey = try fields.require(fields.tokenKey, "tokenKey")
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.field("tokenKey", tokenKey)
    }
}
