import InventoryFacts
import OrderFacts

extension OrderView {
    package struct Stock: Hashable, Sendable {
        package enum Status: Int, PartStatus {
            case rejected, reserved, released

            package var name: String {
                switch self {
                case .rejected: "rejected"
                case .reserved: "reserved"
                case .released: "released"
                }
            }
        }
        package var status: Status
        package var reason: String?
        package var at: Int64
    }

    fileprivate mutating func set(_ new: Stock) {
        if let stock, stock.status.rawValue >= new.status.rawValue { return }
        stock = new
    }
}

extension StockReserved: OrderViewFact {
    package func change(_ view: inout OrderView, as entry: OrderView.Entry) {
        view.set(OrderView.Stock(status: .reserved, at: at))
    }

    package init?(_ entry: OrderView.Entry, in view: OrderView, of order: OrderCreated, after past: OrderView) {
        self.init(orderID: view.orderID, items: order.items, at: entry.at)
    }
}

extension StockRejected: OrderViewFact {
    package var detail: OrderView.Entry.Detail { OrderView.Entry.Detail(reason: reason) }

    package func change(_ view: inout OrderView, as entry: OrderView.Entry) {
        view.set(OrderView.Stock(status: .rejected, reason: reason, at: at))
    }

    package init?(_ entry: OrderView.Entry, in view: OrderView, of order: OrderCreated, after past: OrderView) {
        self.init(orderID: view.orderID, reason: entry.detail.reason ?? "", at: entry.at)
    }
}

extension StockReleased: OrderViewFact {
    package func change(_ view: inout OrderView, as entry: OrderView.Entry) {
        view.set(OrderView.Stock(status: .released, at: at))
    }

    package init?(_ entry: OrderView.Entry, in view: OrderView, of order: OrderCreated, after past: OrderView) {
        self.init(orderID: view.orderID, items: order.items, at: entry.at)
    }
}
