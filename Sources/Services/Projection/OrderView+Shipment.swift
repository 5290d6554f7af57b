import OrderFacts
import ShippingFacts

extension OrderView {
    package struct ShipmentPart: Hashable, Sendable {
        package enum Status: Int, PartStatus {
            case failed, prepared, dispatched, cancelled

            package var name: String {
                switch self {
                case .failed: "failed"
                case .prepared: "prepared"
                case .dispatched: "dispatched"
                case .cancelled: "cancelled"
                }
            }
        }
        package var status: Status
        package var shipmentID: String?
        package var trackingNumber: String?
        package var reason: String?
        package var at: Int64
    }

    fileprivate mutating func set(_ new: ShipmentPart) {
        guard var merged = shipment else {
            shipment = new
            return
        }
        if new.status.rawValue > merged.status.rawValue {
            merged.status = new.status
            merged.at = new.at
            merged.reason = new.reason
        }
        merged.shipmentID = merged.shipmentID ?? new.shipmentID
        merged.trackingNumber = merged.trackingNumber ?? new.trackingNumber
        shipment = merged
    }
}

extension ShipmentCreated: OrderViewFact {
    package var detail: OrderView.Entry.Detail {
        OrderView.Entry.Detail(shipmentID: shipmentID)
    }

    package func change(_ view: inout OrderView, as entry: OrderView.Entry) {
        view.set(OrderView.ShipmentPart(status: .prepared, shipmentID: shipmentID, at: at))
    }

    package init?(_ entry: OrderView.Entry, in view: OrderView, of order: OrderCreated, after past: OrderView) {
        self.init(orderID: view.orderID, shipmentID: entry.detail.shipmentID ?? "", at: entry.at)
    }
}

extension ShipmentFailed: OrderViewFact {
    package var detail: OrderView.Entry.Detail {
        OrderView.Entry.Detail(reason: reason)
    }

    package func change(_ view: inout OrderView, as entry: OrderView.Entry) {
        view.set(OrderView.ShipmentPart(status: .failed, reason: reason, at: at))
    }

    package init?(_ entry: OrderView.Entry, in view: OrderView, of order: OrderCreated, after past: OrderView) {
        self.init(orderID: view.orderID, reason: entry.detail.reason ?? "", at: entry.at)
    }
}

extension ShipmentDispatched: OrderViewFact {
    package var detail: OrderView.Entry.Detail {
        OrderView.Entry.Detail(shipmentID: shipmentID, trackingNumber: trackingNumber)
    }

    package func change(_ view: inout OrderView, as entry: OrderView.Entry) {
        view.set(
            OrderView.ShipmentPart(
                status: .dispatched, shipmentID: shipmentID, trackingNumber: trackingNumber, at: at))
    }

    package init?(_ entry: OrderView.Entry, in view: OrderView, of order: OrderCreated, after past: OrderView) {
        self.init(
            orderID: view.orderID, shipmentID: entry.detail.shipmentID ?? "",
            trackingNumber: entry.detail.trackingNumber ?? "", at: entry.at)
    }
}

extension ShipmentCancelled: OrderViewFact {
    package var detail: OrderView.Entry.Detail {
        OrderView.Entry.Detail(shipmentID: shipmentID)
    }

    package func change(_ view: inout OrderView, as entry: OrderView.Entry) {
        view.set(OrderView.ShipmentPart(status: .cancelled, shipmentID: shipmentID, at: at))
    }

    package init?(_ entry: OrderView.Entry, in view: OrderView, of order: OrderCreated, after past: OrderView) {
        self.init(orderID: view.orderID, shipmentID: entry.detail.shipmentID, at: entry.at)
    }
}
