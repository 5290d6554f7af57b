import Execution
import Messaging
import OrderFacts
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
        try loadPlaced(keys, on: connection).orders
    }

    /// Aggregates, with what the first events of some say besides: where they stood in their batches, and that they are
    /// express.
    static func loadPlaced(
        _ keys: [OrderKey], on connection: Connection
    ) throws -> (orders: [OrderKey: Order], places: [OrderKey: BatchPlace], express: Set<OrderKey>) {
        let events = try EventStore.load(
            tenants: keys.map(\.tenant), streamIDs: keys.map(\.orderID), categories: categories, on: connection)
        var orders: [OrderKey: Order] = [:]
        var places: [OrderKey: BatchPlace] = [:]
        var express: Set<OrderKey> = []
        for event in events {
            let key = OrderKey(tenant: event.tenant, orderID: event.streamID)
            guard let order = Order.evolve(orders[key], try decode(event)) else {
                throw BrokenStream(streamID: event.streamID, version: event.version)
            }
            orders[key] = order
            guard event.version == 1 else { continue }
            if let place = try BatchPlace(event.metadata) { places[key] = place }
            if priority(event.metadata) == .express { express.insert(key) }
        }
        return (orders, places, express)
    }

    /// One order, and its priority; nil where there is none within reach.
    static func loadWithPriority(
        _ orderID: String, within reach: Reach, on connection: Connection
    ) throws -> (order: Order, priority: Priority)? {
        let key = OrderKey(tenant: reach.tenant, orderID: orderID)
        let (orders, _, express) = try loadPlaced([key], on: connection)
        guard let order = orders[key], reach.covers(order.userID) else { return nil }
        return (order, express.contains(key) ? .express : .ordinary)
    }

    /// What an order began with; nil where there is none within reach.
    static func first(
        of orderID: String, within reach: Reach, on connection: Connection
    ) throws -> (event: StoredEvent, created: OrderCreated)? {
        let (events, _) = try EventStore.page(
            tenant: reach.tenant, streamID: orderID, categories: categories, after: 0, limit: 1, bytes: 1,
            on: connection)
        guard let first = events.first else { return nil }
        guard case .created(let created) = try decode(first) else {
            throw BrokenStream(streamID: orderID, version: first.version)
        }
        return reach.covers(created.userID) ? (first, created) : nil
    }

    /// A part of an order's history, and the version that it is at; nil where there is none within reach.
    static func page(
        of orderID: String, within reach: Reach, after version: Int, limit: Int, on connection: Connection
    ) throws -> (events: [StoredEvent], version: Int)? {
        // Whose it is stands in the first event alone.
        if reach.userID != nil, try first(of: orderID, within: reach, on: connection) == nil { return nil }
        let page = try EventStore.page(
            tenant: reach.tenant, streamID: orderID, categories: categories, after: version, limit: limit,
            bytes: PageSize.bytes, on: connection)
        return page.version > 0 ? page : nil
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
