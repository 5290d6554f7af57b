import JSON
import Orders
import Schemas

/// The beginning of an order.
public struct OrderCreated: OrderFact {
    public static let type = "OrderCreated"

    public let orderID: String
    public let userID: String
    public let items: [OrderLine]
    public let total: Money
    /// Microseconds since the Unix epoch.
    public let createdAt: Int64
    public let email: String?
    public let shippingAddress: String?
    /// Readable: of a foreign producer's order, and of ours from before tokens were sealed.
    public let paymentToken: String?
    /// Whether the order service keeps a token for it, sealed; payment asks for it by `SendPaymentToken`.
    public let hasSealedToken: Bool

    public var at: Int64 { createdAt }

    public init(
        orderID: String, userID: String, items: [OrderLine], total: Money, createdAt: Int64,
        email: String? = nil, shippingAddress: String? = nil, paymentToken: String? = nil, hasSealedToken: Bool = false
    ) {
        self.orderID = orderID
        self.userID = userID
        self.items = items
        self.total = total
        self.createdAt = createdAt
        self.email = email
        self.shippingAddress = shippingAddress
        self.paymentToken = paymentToken
        self.hasSealedToken = hasSealedToken
    }

    /// The order that a customer's request asks for. Its token isn't in there: it is sealed apart.
    public init(_ request: OrderRequest, orderID: String, at now: Int64) {
        self.init(
            orderID: orderID, userID: request.userID, items: request.items, total: request.total, createdAt: now,
            email: request.email, shippingAddress: request.shippingAddress,
            hasSealedToken: request.paymentToken != nil)
    }

    /// Without a word on how it is paid, as every reader may see it.
    public var withoutToken: OrderCreated {
        OrderCreated(
            orderID: orderID, userID: userID, items: items, total: total, createdAt: createdAt, email: email,
            shippingAddress: shippingAddress)
    }

    public static let schema = MessageSchema(
        type, "The beginning of an order.",
        [
            .init(1, "orderId", .text),
            .init(2, "userId", .text),
            .init(3, "items", .list(.record(OrderLine.schema))),
            .init(4, "total", .amount),
            .init(5, "currency", .text, "ISO 4217."),
            .init(6, "createdAt", .time),
            .optional(7, "email", .text),
            .optional(8, "shippingAddress", .text),
            .optional(9, "paymentToken", .text, "Of a foreign producer's order. Ours keep theirs sealed, in no fact."),
            .optional(10, "paymentTokenSealed", .bool, "Whether the order service keeps a token for payment."),
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        userID = try fields.require(fields.userID, "userId")
        items = try fields.requiredItems()
        total = try fields.require(fields.total, "total")
        createdAt = fields.at
        email = fields.email
        shippingAddress = fields.shippingAddress
        paymentToken = fields.paymentToken
        hasSealedToken = fields.hasSealedToken
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.field("userId", userID)
        json.items(items)
        json.money("total", total)
        json.time("createdAt", createdAt)
        json.field("email", email)
        json.field("shippingAddress", shippingAddress)
        json.field("paymentToken", paymentToken)
        if hasSealedToken { json.field("paymentTokenSealed", true) }
    }
}
