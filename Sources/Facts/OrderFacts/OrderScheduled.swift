import JSON
import Orders
import Schemas

/// An order that is to be placed at a time of its own: until then nobody reserves, charges or ships anything for it.
/// `OrderCreated` follows at its time, or `OrderWithdrawn` before.
public struct OrderScheduled: OrderFact {
    public static let type = "OrderScheduled"

    public let orderID: String
    public let userID: String
    public let items: [OrderLine]
    public let total: Money
    /// Microseconds since the Unix epoch, as all times.
    public let at: Int64
    public let placeAt: Int64
    public let email: String?
    public let shippingAddress: String?
    /// Whether the order service keeps a payment token for it, sealed.
    public let hasSealedToken: Bool

    public init(
        orderID: String, userID: String, items: [OrderLine], total: Money, at: Int64, placeAt: Int64,
        email: String? = nil, shippingAddress: String? = nil, hasSealedToken: Bool = false
    ) {
        self.orderID = orderID
        self.userID = userID
        self.items = items
        self.total = total
        self.at = at
        self.placeAt = placeAt
        self.email = email
        self.shippingAddress = shippingAddress
        self.hasSealedToken = hasSealedToken
    }

    /// The order that a customer's request asks for, at a time of the customer's.
    public init(_ request: OrderRequest, placedAt placeAt: Int64, orderID: String, at now: Int64) {
        self.init(
            orderID: orderID, userID: request.userID, items: request.items, total: request.total, at: now,
            placeAt: placeAt, email: request.email, shippingAddress: request.shippingAddress,
            hasSealedToken: request.paymentToken != nil)
    }

    public static let schema = MessageSchema(
        type, "An order that is to be placed at a time of its own: nobody does anything for it before.",
        [
            .init(1, "orderId", .text),
            .init(2, "userId", .text),
            .init(3, "items", .list(.record(OrderLine.schema))),
            .init(4, "total", .amount),
            .init(5, "currency", .text, "ISO 4217."),
            .init(6, "scheduledAt", .time),
            .init(7, "placeAt", .time),
            .optional(8, "email", .text),
            .optional(9, "shippingAddress", .text),
            .optional(10, "paymentTokenSealed", .bool, "Whether the order service keeps a token for payment."),
        ])

    public init(_ fields: PayloadFields) throws(PayloadError) {
        orderID = fields.orderID
        userID = try fields.require(fields.userID, "userId")
        items = try fields.requiredItems()
        total = try fields.require(fields.total, "total")
        at = fields.at
        placeAt = try fields.require(fields.placeAt, "placeAt")
        email = fields.email
        shippingAddress = fields.shippingAddress
        hasSealedToken = fields.hasSealedToken
    }

    public func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        json.field("userId", userID)
        json.items(items)
        json.money("total", total)
        json.time("scheduledAt", at)
        json.time("placeAt", placeAt)
        json.field("email", email)
        json.field("shippingAddress", shippingAddress)
        if hasSealedToken { json.field("paymentTokenSealed", true) }
    }

    /// The order, placed.
    public func placed(at now: Int64) -> OrderCreated {
        OrderCreated(
            orderID: orderID, userID: userID, items: items, total: total, createdAt: now, email: email,
            shippingAddress: shippingAddress, hasSealedToken: hasSealedToken)
    }
}
