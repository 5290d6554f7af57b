import InventoryFacts
import OrderFacts
import Orders
import PaymentFacts
import ShippingFacts

/// What the order service keeps of an order in choreography: which of the three outcomes have come, and what it has
/// asked of the aggregate.
///
///     StockReserved + PaymentProcessed + ShipmentCreated          ─> confirm
///     StockRejected | PaymentFailed | ShipmentFailed | a customer ─> cancel
///
/// The aggregate decides: a confirmation that a cancellation request came before is refused there, and the request's
/// own fact cancels the order then.
public struct OrderOutcomes: Hashable, Sendable {
    public enum Status: String, Hashable, Sendable, CaseIterable {
        case open, confirming, cancelling
    }

    /// What an order's end depends on, and its beginning.
    static let reads: FactCatalogue = [
        OrderCreated.self, StockReserved.self, StockRejected.self, PaymentProcessed.self, PaymentFailed.self,
        ShipmentCreated.self, ShipmentFailed.self, OrderCancellationRequested.self,
    ]

    public var status: Status
    public var stock: Bool
    public var payment: Bool
    public var shipment: Bool
    /// Why it is to be cancelled.
    public var reason: String?

    public init(
        status: Status = .open, stock: Bool = false, payment: Bool = false, shipment: Bool = false,
        reason: String? = nil
    ) {
        self.status = status
        self.reason = reason
        self.stock = stock
        self.payment = payment
        self.shipment = shipment
    }

    /// What was asked of the order. It is asked again once the order is there, where that comes last.
    public var command: OrderCommand? {
        switch status {
        case .open: nil
        case .confirming: .confirm
        case .cancelling: .cancel(reason: reason ?? "cancelled")
        }
    }

    /// What a fact changes, and what is to be asked of the order. Nil: nothing, as for a fact that came before.
    public static func react(
        to fact: any MessagePayload, _ outcomes: OrderOutcomes?
    ) -> (outcomes: OrderOutcomes, command: OrderCommand?)? {
        var next = outcomes ?? OrderOutcomes()
        switch fact {
        case is StockReserved: next.stock = true
        case is PaymentProcessed: next.payment = true
        case is ShipmentCreated: next.shipment = true
        case let fact as StockRejected: return next.fail("stock: \(fact.reason)")
        case let fact as PaymentFailed: return next.fail("payment: \(fact.reason)")
        case let fact as ShipmentFailed: return next.fail("shipment: \(fact.reason)")
        case let fact as OrderCancellationRequested:
            guard next.status != .cancelling else { return nil }
            return next.cancelling(fact.reason)
        default: return nil
        }
        guard next != outcomes else { return nil }
        guard next.status == .open, next.stock, next.payment, next.shipment else { return (next, nil) }
        next.status = .confirming
        return (next, next.command)
    }

    /// Too late once confirmed: everything had succeeded.
    private func fail(_ reason: String) -> (outcomes: OrderOutcomes, command: OrderCommand?)? {
        status == .open ? cancelling(reason) : nil
    }

    private func cancelling(_ reason: String) -> (outcomes: OrderOutcomes, command: OrderCommand?) {
        var next = self
        next.status = .cancelling
        next.reason = reason
        return (next, next.command)
    }
}
