import Messaging
import OrderflowKit
import ShippingFacts

extension ServiceModule {
    /// Shipping: prepares a shipment for every order on its own, sends it off once the order is confirmed.
    ///
    ///     OrderCreated   ─> ShipmentCreated | ShipmentFailed
    ///     OrderConfirmed ─> ShipmentDispatched
    ///     OrderCancelled ─> ShipmentCancelled
    public static let shipping = ServiceModule(
        "shipping", port: 2, summary: "prepares, dispatches and cancels shipments"
    ) {
        Explained(
            "Prepare, dispatch and cancel shipments.",
            """
            Prepares a shipment for every OrderCreated, dispatches it at OrderConfirmed, cancels it at \
            OrderCancelled, and tells so on order-events. Consumer group shipping-group.
            """,
            examples: """
                  orderflow shipping
                  orderflow shipping --port 0          a second one on this machine
                """)
        ServiceDatabase.shipping
        Publishes(
            ShipmentCreated.self, ShipmentFailed.self, ShipmentDispatched.self, ShipmentCancelled.self,
            on: .orderEvents)
        FulfilmentStep(
            "shipment", title: "Prepare shipment", succeededBy: [ShipmentCreated.type],
            failedBy: [ShipmentFailed.type], within: .seconds(900))
        // A shipment takes each fact once, in whatever state it is, and says so once.
        Consumes(.orderEvents, usesInbox: false) { ShippingHandler(topic: $0.topics.orderEvents, source: $0.source) }
    }
}

/// The service's consumer group.
package enum ShippingGroup {
    package static let name = "shipping-group"
}
