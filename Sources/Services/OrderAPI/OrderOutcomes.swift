/// What the order service keeps of an order in choreography: which steps have succeeded, and what it has asked of the
/// aggregate.
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

    /// What a fact means to an order.
    public enum Outcome: Hashable, Sendable {
        case succeeded(step: String)
        case failed(reason: String)
        case cancellationRequested(reason: String)
    }

    public var status: Status
    /// Names of steps.
    public var succeeded: Set<String>
    /// Why it is to be cancelled.
    public var reason: String?

    public init(status: Status = .open, succeeded: Set<String> = [], reason: String? = nil) {
        self.status = status
        self.succeeded = succeeded
        self.reason = reason
    }

    /// What was asked of the order. It is asked again once the order is there, where that comes last.
    public var command: OrderCommand? {
        switch status {
        case .open: nil
        case .confirming: .confirm
        case .cancelling: .cancel(reason: reason ?? "cancelled")
        }
    }

    /// What an outcome changes, and what is to be asked of the order. Nil: nothing, as for one that came before.
    ///
    /// - Parameter steps: all that have to succeed.
    public static func react(
        to outcome: Outcome, _ outcomes: OrderOutcomes?, of steps: Set<String>
    ) -> (outcomes: OrderOutcomes, command: OrderCommand?)? {
        var next = outcomes ?? OrderOutcomes()
        switch outcome {
        case .succeeded(let step):
            guard next.succeeded.insert(step).inserted else { return nil }
            guard next.status == .open, steps.isSubset(of: next.succeeded) else { return (next, nil) }
            next.status = .confirming
        case .failed(let reason):
            // Too late once confirmed: everything had succeeded.
            guard next.status == .open else { return nil }
            (next.status, next.reason) = (.cancelling, reason)
        case .cancellationRequested(let reason):
            guard next.status != .cancelling else { return nil }
            (next.status, next.reason) = (.cancelling, reason)
        }
        return (next, next.command)
    }
}
