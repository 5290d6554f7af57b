import Kafka
import Messaging
import OrderAPI
import OrderFacts
import Orders

/// An `OrderCreated` as the event store holds it, and the record that the relay makes of it.
struct OrderRecord {
    /// 2026-01-01T00:00:00Z, microseconds since the Unix epoch.
    static let time: Int64 = 1_767_225_600_000_000

    let fact: OrderCreated
    let metadata: EventMetadata
    private let key: [UInt8]
    private let payload: [UInt8]
    private let storedMetadata: [UInt8]

    /// - Parameter number: makes the order's id.
    init(_ number: Int) {
        let digits = String(number)
        self.init(
            orderID: "018f3c1e-7d5a-7000-8000-" + String(repeating: "0", count: 12 - min(12, digits.count)) + digits)
    }

    private init(orderID: String) {
        let event = OrderCreated(
            orderID: orderID, userID: "user-000000", items: [OrderLine(sku: "SKU-0000", quantity: 1)],
            total: Money(minorUnits: 100_000, currency: .usd), createdAt: Self.time)
        fact = event
        metadata = EventMetadata(
            id: orderID, source: "/orderflow/orders", time: Self.time, correlationID: orderID)
        key = Array(orderID.utf8)
        payload = OrderEvent.created(event).payload()
        storedMetadata = metadata.json()
    }

    /// A relay has one for all its records.
    ///
    /// - Parameter formats: that payloads are sent in; nil is JSON.
    static func encoder(formats: RelayFormats? = nil) -> RelayEncoder {
        RelayEncoder(source: .outbox, formats: formats)
    }

    func encoded(for topic: String, by encoder: inout RelayEncoder) throws -> OutgoingMessage {
        try key.withUnsafeBytes { key in
            try payload.withUnsafeBytes { data in
                try storedMetadata.withUnsafeBytes { metadata in
                    try encoder.event(
                        topic: topic, key: key, type: OrderCreated.type, schemaVersion: 1, streamVersion: 1, data: data,
                        metadata: metadata)
                }
            }
        }
    }
}
