import NotificationFacts
import OrderFacts

extension OrderView {
    package struct Notification: Hashable, Sendable {
        package let kind: String
        package let recipient: String
        package let messageID: String
        package let sentAt: Int64
    }
}

extension NotificationSent: OrderViewFact {
    package func change(_ view: inout OrderView, as entry: OrderView.Entry) {
        view.notifications.append(
            OrderView.Notification(kind: kind, recipient: recipient, messageID: messageID, sentAt: at))
        view.notifications.sort { ($0.sentAt, $0.kind) < ($1.sentAt, $1.kind) }
    }

    package init?(_ entry: OrderView.Entry, in view: OrderView, of order: OrderCreated, after past: OrderView) {
        let sent = view.notifications.first { $0.sentAt == entry.at && !past.notifications.contains($0) }
        guard let sent else { return nil }
        self.init(
            orderID: view.orderID, kind: sent.kind, recipient: sent.recipient, messageID: sent.messageID, at: entry.at)
    }
}
