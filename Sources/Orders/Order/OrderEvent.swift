/// What happened to an order, as its event store keeps it. Every event is also a fact on `order-events`.
public enum OrderEvent: Hashable, Sendable {
    case created(OrderCreated)
    case confirmed(OrderConfirmed)
    case cancellationRequested(OrderCancellationRequested)
    case cancelled(OrderCancelled)
}

/// Version 1 of an order's life. Times are microseconds since the Unix epoch.
public struct OrderCreated: Hashable, Sendable {
    public let orderID: String
    public let userID: String
    public let items: [OrderLine]
    public let total: Money
    public let createdAt: Int64
    public let email: String?
    public let shippingAddress: String?
    public let paymentToken: String?

    public init(
        orderID: String, userID: String, items: [OrderLine], total: Money, createdAt: Int64,
        email: String? = nil, shippingAddress: String? = nil, paymentToken: String? = nil
    ) {
        self.orderID = orderID
        self.userID = userID
        self.items = items
        self.total = total
        self.createdAt = createdAt
        self.email = email
        self.shippingAddress = shippingAddress
        self.paymentToken = paymentToken
    }
}

/// The pivot: stock, money and shipment are there; from here on the order is delivered.
public struct OrderConfirmed: Hashable, Sendable {
    public let orderID: String
    public let userID: String
    public let total: Money
    public let confirmedAt: Int64

    public init(orderID: String, userID: String, total: Money, confirmedAt: Int64) {
        self.orderID = orderID
        self.userID = userID
        self.total = total
        self.confirmedAt = confirmedAt
    }
}

/// The customer wants out; what succeeded so far has to be undone first.
public struct OrderCancellationRequested: Hashable, Sendable {
    public let orderID: String
    public let reason: String
    public let requestedAt: Int64

    public init(orderID: String, reason: String, requestedAt: Int64) {
        self.orderID = orderID
        self.reason = reason
        self.requestedAt = requestedAt
    }
}

/// The end of an order that isn't delivered; money and stock are back.
public struct OrderCancelled: Hashable, Sendable {
    public let orderID: String
    public let userID: String
    public let total: Money
    public let reason: String
    public let cancelledAt: Int64

    public init(orderID: String, userID: String, total: Money, reason: String, cancelledAt: Int64) {
        self.orderID = orderID
        self.userID = userID
        self.total = total
        self.reason = reason
        self.cancelledAt = cancelledAt
    }
}
