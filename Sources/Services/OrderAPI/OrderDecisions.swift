import Execution
import Messaging
import OrderFacts
import OrderflowKit
import Orders
import Postgres

/// What a message asks of its order.
enum OrderIntent {
    /// A foreign producer announced it on the topic.
    case adopt(OrderCreated)
    case command(OrderCommand)
}

/// Lets aggregates decide on the intents of a batch of messages: one read of all streams, one append.
enum OrderDecisions {
    /// Throws `ConcurrentChange` when a stream grew meanwhile. A command to an order that isn't there has no effect: who
    /// gave it gives it again.
    ///
    /// - Parameter fanIn: counts the ends of orders that came in batches.
    static func make(
        _ intents: [(message: InboundMessage, key: OrderKey, intent: OrderIntent)], fanIn: BatchFanIn,
        on connection: Connection, outbox: inout [OutgoingEvent]
    ) throws {
        guard !intents.isEmpty else { return }
        let (loaded, places, express) = try OrderStreams.loadPlaced(Set(intents.map(\.key)).sorted(), on: connection)
        var orders = loaded
        var appends: [StreamAppend] = []
        var ends: [BatchFanIn.End] = []
        for (message, key, intent) in intents {
            let now = WallClock.nowMicroseconds()
            let (events, category) = decide(intent, on: orders[key], at: now)
            guard !events.isEmpty else { continue }
            appends.append(
                OrderStreams.append(events, to: key, at: orders[key]?.version ?? 0, category: category) { _ in
                    var metadata = message.effectMetadata(
                        id: UUIDText.v7(microseconds: now), source: OrderStreams.source, time: now)
                    // Whatever lane the command came by: an order's events take one.
                    if loaded[key] != nil { metadata.priority = express.contains(key) ? .express : .ordinary }
                    return metadata
                })
            for event in events {
                orders[key] = Order.evolve(orders[key], event)
                if let place = places[key], let end = BatchFanIn.End(event, of: key, in: place) { ends.append(end) }
            }
        }
        guard !appends.isEmpty else { return }
        let lost = try EventStore.append(appends, on: connection)
        // A customer's cancellation came between our read and our write: decide again on what is true now.
        guard let first = lost.first.map({ appends[$0] }) else {
            // An order that has ended needs no payment any more.
            try StreamSecrets.forget(
                orders.filter(\.value.hasEnded).map { StreamKey(tenant: $0.key.tenant, streamID: $0.key.orderID) },
                on: connection)
            return try fanIn.count(ends, on: connection, outbox: &outbox)
        }
        if try EventStore.isTaken(first, byOtherThan: OrderStreams.categories, on: connection) {
            throw BrokenStream(streamID: first.streamID, version: 1)
        }
        throw ConcurrentChange(streamID: first.streamID)
    }

    private static func decide(
        _ intent: OrderIntent, on order: Order?, at now: Int64
    ) -> (events: [OrderEvent], category: String) {
        switch (intent, order) {
        case (.adopt(let created), nil): return ([.created(created)], OrderStreams.adoptedCategory)
        case (.adopt, _), (.command, nil): return ([], OrderStreams.category)
        case (.command(let command), let order?):
            // A refusal needs no answer: who asked hears of the event that won from the topic.
            return ((try? order.decide(command, at: now)) ?? [], OrderStreams.category)
        }
    }
}
