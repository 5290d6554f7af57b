import OrderFacts
import Orders
import PaymentFacts

extension OrderView {
    package struct Payment: Hashable, Sendable {
        package enum Status: Int, PartStatus {
            case failed, charged, refundFailed, voided, refunded

            package var name: String {
                switch self {
                case .failed: "failed"
                case .charged: "charged"
                case .refundFailed: "refundFailed"
                case .voided: "voided"
                case .refunded: "refunded"
                }
            }
        }
        package var status: Status
        package var amount: Money?
        package var reference: String?
        package var reason: String?
        package var at: Int64
    }

    fileprivate mutating func set(_ new: Payment) {
        if let payment, payment.status.rawValue >= new.status.rawValue { return }
        payment = new
    }
}

extension PaymentProcessed: OrderViewFact {
    package var detail: OrderView.Entry.Detail {
        OrderView.Entry.Detail(amount: amount, reference: reference)
    }

    package func change(_ view: inout OrderView, as entry: OrderView.Entry) {
        view.set(OrderView.Payment(status: .charged, amount: amount, reference: reference, at: at))
    }

    package init?(_ entry: OrderView.Entry, in view: OrderView, of order: OrderCreated, after past: OrderView) {
        self.init(
            orderID: view.orderID, amount: entry.detail.amount ?? order.total, reference: entry.detail.reference ?? "",
            at: entry.at)
    }
}

extension PaymentFailed: OrderViewFact {
    package var detail: OrderView.Entry.Detail {
        OrderView.Entry.Detail(reason: reason)
    }

    package func change(_ view: inout OrderView, as entry: OrderView.Entry) {
        view.set(OrderView.Payment(status: .failed, reason: reason, at: at))
    }

    package init?(_ entry: OrderView.Entry, in view: OrderView, of order: OrderCreated, after past: OrderView) {
        self.init(orderID: view.orderID, reason: entry.detail.reason ?? "", at: entry.at)
    }
}

extension PaymentRefunded: OrderViewFact {
    package var detail: OrderView.Entry.Detail {
        OrderView.Entry.Detail(amount: amount, reference: reference)
    }

    package func change(_ view: inout OrderView, as entry: OrderView.Entry) {
        view.set(OrderView.Payment(status: .refunded, amount: amount, reference: reference, at: at))
    }

    package init?(_ entry: OrderView.Entry, in view: OrderView, of order: OrderCreated, after past: OrderView) {
        self.init(
            orderID: view.orderID, amount: entry.detail.amount ?? order.total, reference: entry.detail.reference ?? "",
            at: entry.at)
    }
}

extension PaymentVoided: OrderViewFact {
    package func change(_ view: inout OrderView, as entry: OrderView.Entry) {
        view.set(OrderView.Payment(status: .voided, at: at))
    }

    package init?(_ entry: OrderView.Entry, in view: OrderView, of order: OrderCreated, after past: OrderView) {
        self.init(orderID: view.orderID, at: entry.at)
    }
}

extension PaymentRefundFailed: OrderViewFact {
    package var detail: OrderView.Entry.Detail {
        OrderView.Entry.Detail(reason: reason)
    }

    package func change(_ view: inout OrderView, as entry: OrderView.Entry) {
        view.set(OrderView.Payment(status: .refundFailed, reason: reason, at: at))
    }

    package init?(_ entry: OrderView.Entry, in view: OrderView, of order: OrderCreated, after past: OrderView) {
        self.init(orderID: view.orderID, reason: entry.detail.reason ?? "", at: entry.at)
    }
}
