import Execution
import Messaging
import OrderflowKit
import Orders
import Postgres

/// Orders as streams of the event store: loading aggregates, and appending what they decided.
package enum OrderStreams {
    package static let category = "order"
    /// An order that a foreign producer announced on the topic: its `OrderCreated` is kept, but is published already.
    package static let adoptedCategory = "adopted-order"
    /// Of all that makes an order's stream.
    package static let categories: Set<String> = [category, adoptedCategory]
    package static let source = "/orderflow/orders"

    /// An aggregate, and the order that it was created with.
    package static func load(_ keys: [OrderKey], on connection: Connection) throws -> [OrderKey: Order] {
        let events = try EventStore.load(
            tenants: keys.map(\.tenant), streamIDs: keys.map(\.orderID), categories: categories, on: connection)
        var orders: [OrderKey: Order] = [:]
        for event in events {
            let key = OrderKey(tenant: event.tenant, orderID: event.streamID)
            guard let order = Order.evolve(orders[key], try decode(event)) else {
                throw BrokenStream(streamID: event.streamID, version: event.version)
            }
            orders[key] = order
        }
        return orders
    }

    /// One order's events, in order; none where there is no such order.
    package static func events(of key: OrderKey, on connection: Connection) throws -> [StoredEvent] {
        try EventStore.load(tenant: key.tenant, streamID: key.orderID, categories: categories, on: connection)
    }

    package static func decode(_ event: StoredEvent) throws -> OrderEvent {
        let encoded = EncodedPayload(
            try event.json(), schemaVersion: event.schemaVersion, time: event.createdAt, from: .store)
        guard let known = try OrderEvent(type: event.type, encoded) else {
            throw BrokenStream(streamID: event.streamID, version: event.version)
        }
        return known
    }

    /// The append for `events`, decided on `order` (nil: a new stream).
    ///
    /// - Parameter secret: kept beside a new stream until the order has ended.
    package static func append(
        _ events: [OrderEvent], to key: OrderKey, at version: Int, category: String = category,
        secret: [UInt8]? = nil, metadata: (_ index: Int) -> EventMetadata
    ) -> StreamAppend {
        StreamAppend(
            tenant: key.tenant, streamID: key.orderID, category: category, expectedVersion: version,
            events: events.enumerated().map { index, event in
                NewEvent(type: event.type, data: event.payload(), metadata: metadata(index))
            }, secret: secret)
    }
}

/// A stream's events don't make an order: another program wrote to the table.
struct BrokenStream: Error, CustomStringConvertible {
    let streamID: String
    let version: Int
    var description: String { "stream \(streamID) makes no sense at version \(version)" }
}
