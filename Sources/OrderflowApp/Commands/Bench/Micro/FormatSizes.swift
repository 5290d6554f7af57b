import Fulfilment
import InventoryFacts
import JSON
import Kafka
import Logging
import Messaging
import NotificationFacts
import OrderFacts
import OrderflowKit
import Orders
import PaymentFacts
import Schemas
import ShippingFacts

/// Bytes of an order's records in each format.
struct FormatSizes {
    struct Row {
        let format: String
        /// Of the payload of `OrderCreated` alone, without an envelope or a frame.
        let payload: Int
        /// Of its record's value.
        let created: Int
        /// Of the values of all facts and commands of an order that goes well.
        let order: Int
    }

    let rows: [Row]

    init() throws {
        let codecs = try OrderflowApp.services.facts.payloadCodecs()
        let events = try Self.order()
        rows = try ([nil] + SchemaFormat.allCases.map { $0 }).map { (format: SchemaFormat?) in
            let formats = RelayFormats(
                TopicFormats(others: format), codecs: codecs, service: "bench", logger: Logger(label: "bench"))
            var encoder = RelayEncoder(source: .outbox, formats: formats, signatures: nil)
            let sizes = try events.map { event in
                try Array(event.key.utf8).withUnsafeBytes { key in
                    try event.payload.withUnsafeBytes { data in
                        try event.metadata.json().withUnsafeBytes { metadata in
                            try encoder.event(
                                topic: event.topic, key: key, type: event.type,
                                schemaVersion: Int32(event.schemaVersion), streamVersion: nil, data: data,
                                metadata: metadata
                            ).value?.count ?? 0
                        }
                    }
                }
            }
            let payload = format.map { sizes[0] - $0.frameSize } ?? events[0].payload.count
            return Row(format: format?.title ?? "JSON", payload: payload, created: sizes[0], order: sizes.reduce(0, +))
        }
    }

    /// What an order that goes well makes: created first.
    private static func order() throws -> [OutgoingEvent] {
        let created = OrderRecord(1).fact
        let (id, user, time, total) = (created.orderID, created.userID, created.at, created.total)
        func event(_ payload: some MessagePayload, _ topic: String) throws -> OutgoingEvent {
            try OutgoingEvent(
                payload, topic: topic,
                metadata: EventMetadata(id: id, source: "/orderflow/orders", time: time, correlationID: id))
        }
        return try [
            event(created, "order-events"),
            event(ReserveStock(orderID: id, items: created.items), "inventory-commands"),
            event(StockReserved(orderID: id, items: created.items, at: time), "order-events"),
            event(ProcessPayment(orderID: id, userID: user, amount: total), "payment-commands"),
            event(
                PaymentProcessed(orderID: id, amount: total, reference: "sim-0123456789abcdef", at: time),
                "order-events"),
            event(ConfirmOrder(orderID: id), "order-commands"),
            event(OrderConfirmed(orderID: id, userID: user, total: total, at: time), "order-events"),
            event(ShipmentCreated(orderID: id, shipmentID: id, at: time), "order-events"),
            event(
                ShipmentDispatched(orderID: id, shipmentID: id, trackingNumber: "TRK0123456789", at: time),
                "order-events"),
            event(
                NotificationSent(
                    orderID: id, kind: "OrderCreated", recipient: "user-000000@example.com", messageID: "<\(id)@shop>",
                    at: time), "order-events"),
        ]
    }
}
