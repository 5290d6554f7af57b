import OrderFacts
import Orders
import PaymentFacts

/// One order's shipment: prepared as soon as the order is there, sent off when it is confirmed.
public struct Shipment: Hashable, Sendable {
    public enum Status: String, Hashable, Sendable, CaseIterable {
        /// The carrier has to be asked about the address, which it answers for paid orders.
        case checking
        case prepared, failed, dispatched, cancelled
    }

    /// What is said of the shipment.
    public enum Answer: Hashable, Sendable {
        case created(shipmentID: String)
        case failed(reason: String)
        case dispatched(shipmentID: String, trackingNumber: String)
        /// No id: cancelled before a shipment was prepared.
        case cancelled(shipmentID: String?)
    }

    /// What a shipment depends on.
    static let reads: FactCatalogue = [
        OrderCreated.self, PaymentProcessed.self, OrderConfirmed.self, OrderCancelled.self,
    ]

    public var status: Status
    /// Nil where there never was one to prepare.
    public var shipmentID: String?
    public var reason: String?
    public var trackingNumber: String?
    public var address: String?

    public init(
        status: Status, shipmentID: String? = nil, reason: String? = nil, trackingNumber: String? = nil,
        address: String? = nil
    ) {
        self.status = status
        self.shipmentID = shipmentID
        self.reason = reason
        self.trackingNumber = trackingNumber
        self.address = address
    }

    /// Whether any fact may still change it.
    var isOpen: Bool { status == .checking || status == .prepared }

    /// Levers for trying out the unhappy path: an article that can't be sent, which shows at once, and words in an
    /// address that can't be delivered to, which shows when the order is paid.
    public static let unshippableSKU = "UNSHIPPABLE"
    public static let undeliverableMark = "UNDELIVERABLE"

    /// What a fact does to the shipment of its order. Nil: nothing, as for a fact that came before.
    public static func react(
        to fact: any MessagePayload, _ shipment: Shipment?, newID: @autoclosure () -> String
    ) -> (shipment: Shipment, answer: Answer?)? {
        switch (fact, shipment?.status) {
        case (let order as OrderCreated, nil):
            if order.items.contains(where: { $0.sku == unshippableSKU }) {
                let reason = "\(unshippableSKU) can't be shipped"
                let failed = Shipment(status: .failed, reason: reason, address: order.shippingAddress)
                return (failed, .failed(reason: reason))
            }
            if order.shippingAddress?.contains(undeliverableMark) == true {
                return (Shipment(status: .checking, address: order.shippingAddress), nil)
            }
            let id = newID()
            return (
                Shipment(status: .prepared, shipmentID: id, address: order.shippingAddress),
                .created(shipmentID: id)
            )

        case (is OrderConfirmed, .prepared):
            guard var sent = shipment, let id = sent.shipmentID else { return nil }
            sent.status = .dispatched
            let tracking = "OF" + id.filter { $0 != "-" }.suffix(12).uppercased()
            sent.trackingNumber = tracking
            return (sent, .dispatched(shipmentID: id, trackingNumber: tracking))

        case (is PaymentProcessed, .checking):
            guard var failed = shipment else { return nil }
            let reason = "the address can't be delivered to"
            failed.status = .failed
            failed.reason = reason
            return (failed, .failed(reason: reason))

        case (is OrderCancelled, .prepared), (is OrderCancelled, .checking):
            guard var cancelled = shipment else { return nil }
            cancelled.status = .cancelled
            return (cancelled, .cancelled(shipmentID: cancelled.shipmentID))

        case (is OrderCancelled, nil):
            // The end came before the beginning: remember it, so that nothing is prepared any more.
            return (Shipment(status: .cancelled), .cancelled(shipmentID: nil))

        default: return nil
        }
    }
}
