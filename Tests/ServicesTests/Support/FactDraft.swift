import InventoryFacts
import NotificationFacts
import OrderAPI
import OrderFacts
import Orders
import PaymentFacts
import Shipping
import ShippingFacts

@testable import Fulfilment
@testable import Inventory
@testable import Notification
@testable import OrderflowKit
@testable import Payment
@testable import Projection

extension FactCatalogue {
    /// Of all services, as a program has it.
    static let standard = ServiceCatalogue([
        .api, .shipping, .notification, .projection, .payment, .inventory, .saga,
    ]).facts
}

/// A fact without its order and its time, for tables of tests.
struct FactDraft: Sendable {
    let type: String
    private let make: @Sendable (_ orderID: String, _ at: Int64) -> any OrderFact

    private init<Content: OrderFact>(_ make: @escaping @Sendable (String, Int64) -> Content) {
        type = Content.type
        self.make = make
    }

    func of(_ orderID: String, at: Int64 = 0) -> any OrderFact { make(orderID, at) }

    static func orderCreated(_ order: OrderCreated) -> FactDraft {
        FactDraft { orderID, _ in
            OrderCreated(
                orderID: orderID, userID: order.userID, items: order.items, total: order.total,
                createdAt: order.createdAt, email: order.email, shippingAddress: order.shippingAddress,
                paymentToken: order.paymentToken)
        }
    }
    static func orderConfirmed(userID: String, total: Money) -> FactDraft {
        FactDraft { OrderConfirmed(orderID: $0, userID: userID, total: total, at: $1) }
    }
    static func orderCancellationRequested(reason: String) -> FactDraft {
        FactDraft { OrderCancellationRequested(orderID: $0, reason: reason, at: $1) }
    }
    static func orderCancelled(userID: String, total: Money, reason: String) -> FactDraft {
        FactDraft { OrderCancelled(orderID: $0, userID: userID, total: total, reason: reason, at: $1) }
    }
    static func stockReserved(items: [OrderLine]) -> FactDraft {
        FactDraft { StockReserved(orderID: $0, items: items, at: $1) }
    }
    static func stockRejected(reason: String, sku: String?) -> FactDraft {
        FactDraft { StockRejected(orderID: $0, reason: reason, sku: sku, at: $1) }
    }
    static func stockReleased(items: [OrderLine]) -> FactDraft {
        FactDraft { StockReleased(orderID: $0, items: items, at: $1) }
    }
    static func paymentProcessed(amount: Money, reference: String) -> FactDraft {
        FactDraft { PaymentProcessed(orderID: $0, amount: amount, reference: reference, at: $1) }
    }
    static func paymentFailed(reason: String) -> FactDraft {
        FactDraft { PaymentFailed(orderID: $0, reason: reason, at: $1) }
    }
    static func paymentRefunded(amount: Money, reference: String) -> FactDraft {
        FactDraft { PaymentRefunded(orderID: $0, amount: amount, reference: reference, at: $1) }
    }
    static var paymentVoided: FactDraft { FactDraft { PaymentVoided(orderID: $0, at: $1) } }
    static func paymentRefundFailed(reason: String) -> FactDraft {
        FactDraft { PaymentRefundFailed(orderID: $0, reason: reason, at: $1) }
    }
    static func shipmentCreated(shipmentID: String) -> FactDraft {
        FactDraft { ShipmentCreated(orderID: $0, shipmentID: shipmentID, at: $1) }
    }
    static func shipmentFailed(reason: String) -> FactDraft {
        FactDraft { ShipmentFailed(orderID: $0, reason: reason, at: $1) }
    }
    static func shipmentDispatched(shipmentID: String, trackingNumber: String) -> FactDraft {
        FactDraft {
            ShipmentDispatched(orderID: $0, shipmentID: shipmentID, trackingNumber: trackingNumber, at: $1)
        }
    }
    static func shipmentCancelled(shipmentID: String?) -> FactDraft {
        FactDraft { ShipmentCancelled(orderID: $0, shipmentID: shipmentID, at: $1) }
    }
    static func notificationSent(kind: String, recipient: String, messageID: String) -> FactDraft {
        FactDraft {
            NotificationSent(orderID: $0, kind: kind, recipient: recipient, messageID: messageID, at: $1)
        }
    }
}

/// Whether `facts` are these, of whatever order and time.
func are(_ facts: [any OrderFact], _ drafts: [FactDraft]) -> Bool {
    guard facts.count == drafts.count else { return false }
    for (fact, draft) in zip(facts, drafts) {
        let expected = draft.of(fact.orderID, at: fact.at)
        if erased(fact) != erased(expected) { return false }
    }
    return true
}

private func erased(_ fact: some OrderFact) -> AnyHashable { AnyHashable(fact) }

extension OrderFact {
    /// Its name on the wire.
    var type: String { Self.type }
}
