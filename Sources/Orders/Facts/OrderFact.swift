/// A fact on `order-events`: something that a service says has happened to an order.
public struct OrderFact: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case orderCreated(OrderCreated)
        case orderConfirmed(userID: String, total: Money)
        case orderCancellationRequested(reason: String)
        case orderCancelled(userID: String, total: Money, reason: String)

        case stockReserved(items: [OrderLine])
        case stockRejected(reason: String, sku: String?)
        /// No items: nothing had been reserved.
        case stockReleased(items: [OrderLine])

        case paymentProcessed(amount: Money, reference: String)
        case paymentFailed(reason: String)
        case paymentRefunded(amount: Money, reference: String)
        /// Asked to undo a payment that was never made.
        case paymentVoided
        case paymentRefundFailed(reason: String)

        case shipmentCreated(shipmentID: String)
        case shipmentFailed(reason: String)
        case shipmentDispatched(shipmentID: String, trackingNumber: String)
        /// No id: cancelled before a shipment was prepared.
        case shipmentCancelled(shipmentID: String?)

        case notificationSent(kind: String, recipient: String, messageID: String)
    }

    public let orderID: String
    /// Microseconds since the Unix epoch.
    public let at: Int64
    public let kind: Kind

    public init(orderID: String, at: Int64, _ kind: Kind) {
        self.orderID = orderID
        self.at = at
        self.kind = kind
    }

    public init(_ event: OrderEvent) {
        switch event {
        case .created(let event): self.init(orderID: event.orderID, at: event.createdAt, .orderCreated(event))
        case .confirmed(let event):
            self.init(
                orderID: event.orderID, at: event.confirmedAt,
                .orderConfirmed(userID: event.userID, total: event.total))
        case .cancellationRequested(let event):
            self.init(orderID: event.orderID, at: event.requestedAt, .orderCancellationRequested(reason: event.reason))
        case .cancelled(let event):
            self.init(
                orderID: event.orderID, at: event.cancelledAt,
                .orderCancelled(userID: event.userID, total: event.total, reason: event.reason))
        }
    }

    /// The order's own event, where the fact is one.
    public var orderEvent: OrderEvent? {
        switch kind {
        case .orderCreated(let created): .created(created)
        case .orderConfirmed(let userID, let total):
            .confirmed(OrderConfirmed(orderID: orderID, userID: userID, total: total, confirmedAt: at))
        case .orderCancellationRequested(let reason):
            .cancellationRequested(OrderCancellationRequested(orderID: orderID, reason: reason, requestedAt: at))
        case .orderCancelled(let userID, let total, let reason):
            .cancelled(
                OrderCancelled(orderID: orderID, userID: userID, total: total, reason: reason, cancelledAt: at))
        default: nil
        }
    }
}

/// The names of facts on the wire.
public enum FactType {
    public static let orderCreated = "OrderCreated"
    public static let orderConfirmed = "OrderConfirmed"
    public static let orderCancellationRequested = "OrderCancellationRequested"
    public static let orderCancelled = "OrderCancelled"
    public static let stockReserved = "StockReserved"
    public static let stockRejected = "StockRejected"
    public static let stockReleased = "StockReleased"
    public static let paymentProcessed = "PaymentProcessed"
    public static let paymentFailed = "PaymentFailed"
    public static let paymentRefunded = "PaymentRefunded"
    public static let paymentVoided = "PaymentVoided"
    public static let paymentRefundFailed = "PaymentRefundFailed"
    public static let shipmentCreated = "ShipmentCreated"
    public static let shipmentFailed = "ShipmentFailed"
    public static let shipmentDispatched = "ShipmentDispatched"
    public static let shipmentCancelled = "ShipmentCancelled"
    public static let notificationSent = "NotificationSent"

    public static let all: Set<String> = [
        orderCreated, orderConfirmed, orderCancellationRequested, orderCancelled, stockReserved, stockRejected,
        stockReleased, paymentProcessed, paymentFailed, paymentRefunded, paymentVoided, paymentRefundFailed,
        shipmentCreated, shipmentFailed, shipmentDispatched, shipmentCancelled, notificationSent,
    ]
}

extension OrderFact.Kind {
    public var type: String {
        switch self {
        case .orderCreated: FactType.orderCreated
        case .orderConfirmed: FactType.orderConfirmed
        case .orderCancellationRequested: FactType.orderCancellationRequested
        case .orderCancelled: FactType.orderCancelled
        case .stockReserved: FactType.stockReserved
        case .stockRejected: FactType.stockRejected
        case .stockReleased: FactType.stockReleased
        case .paymentProcessed: FactType.paymentProcessed
        case .paymentFailed: FactType.paymentFailed
        case .paymentRefunded: FactType.paymentRefunded
        case .paymentVoided: FactType.paymentVoided
        case .paymentRefundFailed: FactType.paymentRefundFailed
        case .shipmentCreated: FactType.shipmentCreated
        case .shipmentFailed: FactType.shipmentFailed
        case .shipmentDispatched: FactType.shipmentDispatched
        case .shipmentCancelled: FactType.shipmentCancelled
        case .notificationSent: FactType.notificationSent
        }
    }
}
