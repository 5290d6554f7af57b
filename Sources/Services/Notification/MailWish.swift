import Messaging
import OrderflowKit
import Orders

/// A mail that a fact asks for, to whomever the order belongs.
struct MailWish: Sendable {
    let key: OrderKey
    let template: MailTemplate
    /// "49.99 USD"; nil is the order's total.
    let amount: String?
    let reason: String?
    let correlationID: String
    let causationID: String
    let traceparent: String?

    /// Nil where nobody is to be told.
    init?(_ fact: OrderFact.Kind, of key: OrderKey, _ message: InboundMessage) {
        var amount: String?
        var reason: String?
        switch fact {
        case .orderConfirmed: template = .orderConfirmed
        case .orderCancelled(_, _, let why):
            template = .orderCancelled
            reason = why
        // Nothing was charged, and nothing comes back.
        case .paymentRefunded(let refund, _) where refund.minorUnits == 0: return nil
        case .paymentRefunded(let refund, _):
            template = .paymentRefunded
            amount = "\(refund.decimalText) \(refund.currency.code)"
        default: return nil
        }
        self.key = key
        self.amount = amount
        self.reason = reason
        correlationID = message.correlationID
        causationID = message.id
        traceparent = message.traceparent
    }

    init(
        key: OrderKey, template: MailTemplate, amount: String?, reason: String?, correlationID: String,
        causationID: String, traceparent: String?
    ) {
        self.key = key
        self.template = template
        self.amount = amount
        self.reason = reason
        self.correlationID = correlationID
        self.causationID = causationID
        self.traceparent = traceparent
    }
}
