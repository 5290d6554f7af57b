import Orders

/// The mails that customers get, one a kind and order.
enum MailTemplate: String, CaseIterable, Sendable {
    case orderConfirmed = "order-confirmed"
    case orderCancelled = "order-cancelled"
    case paymentRefunded = "payment-refunded"
    case orderReminder = "order-reminder"

    /// What a template may speak of.
    struct Content: Sendable {
        let orderID: String
        let userID: String
        /// "49.99 USD"
        let amount: String
        let reason: String?
        /// When the order will be placed; RFC 3339.
        var placeAt: String?
    }

    func subject(_ content: Content) -> String {
        switch self {
        case .orderConfirmed: "Your order \(content.orderID) is confirmed"
        case .orderCancelled: "Your order \(content.orderID) is cancelled"
        case .paymentRefunded: "Your payment for order \(content.orderID) is refunded"
        case .orderReminder: "Your order \(content.orderID) will be placed soon"
        }
    }

    func body(_ content: Content) -> String {
        switch self {
        case .orderConfirmed:
            """
            Hello \(content.userID),

            your order \(content.orderID) over \(content.amount) is confirmed and on its way to you.

            """
        case .orderCancelled:
            """
            Hello \(content.userID),

            your order \(content.orderID) over \(content.amount) is cancelled\(content.reason.map { ": \($0)" } ?? "").
            If you were charged, the money is on its way back.

            """
        case .paymentRefunded:
            """
            Hello \(content.userID),

            we have refunded \(content.amount) for your order \(content.orderID).

            """
        case .orderReminder:
            """
            Hello \(content.userID),

            your order \(content.orderID) over \(content.amount) will be placed\(content.placeAt.map { " at \($0)" } ?? " soon").
            Until then you can cancel it, and nothing is charged.

            """
        }
    }
}
