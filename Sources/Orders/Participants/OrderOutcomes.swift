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
        to fact: OrderFact, _ outcomes: OrderOutcomes?
    ) -> (outcomes: OrderOutcomes, command: OrderCommand?)? {
        var next = outcomes ?? OrderOutcomes()
        switch fact.kind {
        case .stockReserved: next.stock = true
        case .paymentProcessed: next.payment = true
        case .shipmentCreated: next.shipment = true
        case .stockRejected(let reason, _): return next.fail("stock: \(reason)")
        case .paymentFailed(let reason): return next.fail("payment: \(reason)")
        case .shipmentFailed(let reason): return next.fail("shipment: \(reason)")
        case .orderCancellationRequested(let reason):
            guard next.status != .cancelling else { return nil }
            return next.cancelling(reason)
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
