import Messaging
import OrderFacts
import OrderflowKit
import Orders
import PaymentFacts

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
    /// Of the order; one whose beginning came late is in no haste.
    var priority = Priority.ordinary

    /// Nil where nobody is to be told.
    init?(_ fact: any MessagePayload, of key: OrderKey, _ message: InboundMessage) {
        var amount: String?
        var reason: String?
        switch fact {
        case is OrderConfirmed: template = .orderConfirmed
        case let order as OrderCancelled:
            template = .orderCancelled
            reason = order.reason
        // Nothing was charged, and nothing comes back.
        case let refund as PaymentRefunded where refund.amount.minorUnits == 0: return nil
        case let refund as PaymentRefunded:
            template = .paymentRefunded
            amount = "\(refund.amount.decimalText) \(refund.amount.currency.code)"
        default: return nil
        }
        self.key = key
        self.amount = amount
        self.reason = reason
        correlationID = message.correlationID
        causationID = message.id
        traceparent = message.traceparent
        priority = message.priority
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
