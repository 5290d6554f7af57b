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

/// Lets aggregates decide on the intents of a batch: one read of all streams, one append.
enum OrderDecisions {
    /// Throws `ConcurrentChange` when a stream grew meanwhile. A command to an order that isn't there has no effect: who
    /// gave it gives it again.
    static func make(
        _ intents: [(message: InboundMessage, key: OrderKey, intent: OrderIntent)], on connection: Connection
    ) throws {
        guard !intents.isEmpty else { return }
        var orders = try OrderStreams.load(Set(intents.map(\.key)).sorted(), on: connection)
        var appends: [StreamAppend] = []
        for (message, key, intent) in intents {
            let now = WallClock.nowMicroseconds()
            let (events, category) = decide(intent, on: orders[key], at: now)
            guard !events.isEmpty else { continue }
            appends.append(
                OrderStreams.append(events, to: key, at: orders[key]?.version ?? 0, category: category) { _ in
                    message.effectMetadata(id: UUIDText.v7(microseconds: now), source: OrderStreams.source, time: now)
                })
            for event in events { orders[key] = Order.evolve(orders[key], event) }
        }
        guard !appends.isEmpty else { return }
        let lost = try EventStore.append(appends, on: connection)
        // A customer's cancellation came between our read and our write: decide again on what is true now.
        guard let first = lost.first.map({ appends[$0] }) else {
            // An order that has ended needs no payment any more.
            return try StreamSecrets.forget(
                orders.filter(\.value.hasEnded).map { StreamKey(tenant: $0.key.tenant, streamID: $0.key.orderID) },
                on: connection)
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
