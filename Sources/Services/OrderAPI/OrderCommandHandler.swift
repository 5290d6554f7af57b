import Execution
import Messaging
import Orders
import Postgres

/// The order service's consumer: the saga's commands to aggregates, and orders that foreign producers announce.
struct OrderCommandHandler: BatchHandler {
    let types: Set<String> = [CommandType.confirmOrder, CommandType.cancelOrder, FactType.orderCreated]
    /// Our own orders are in the event store before they are on the topic.
    let ignoredSource: String? = OrderStreams.source

    /// What a message asks of its order.
    private enum Intent {
        case adopt(OrderCreated)
        case command(OrderCommand)
    }

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        let intents = try messages.compactMap { message in
            try Self.intent(of: message).map { (message, OrderKey(tenant: message.tenant, orderID: $0), $1) }
        }
        var orders = try OrderStreams.load(Set(intents.map(\.1)).sorted(), on: connection)
        var appends: [StreamAppend] = []
        for (message, key, intent) in intents {
            let now = WallClock.nowMicroseconds()
            let (events, category) = try Self.decide(intent, on: orders[key], key, at: now)
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
        if let first = lost.first { throw ConcurrentChange(streamID: appends[first].streamID) }
    }

    private static func intent(of message: InboundMessage) throws -> (orderID: String, Intent)? {
        if message.type == FactType.orderCreated {
            guard case .orderCreated(let created)? = try message.orderFact()?.kind else { return nil }
            return (created.orderID, .adopt(created))
        }
        guard let command = try message.fulfilmentCommand() else { return nil }
        switch command.kind {
        case .confirmOrder: return (command.orderID, .command(.confirm))
        case .cancelOrder(let reason): return (command.orderID, .command(.cancel(reason: reason)))
        default: return nil
        }
    }

    private static func decide(
        _ intent: Intent, on order: Order?, _ key: OrderKey, at now: Int64
    ) throws -> (events: [OrderEvent], category: String) {
        switch (intent, order) {
        case (.adopt(let created), nil): return ([.created(created)], OrderStreams.adoptedCategory)
        case (.adopt, _): return ([], OrderStreams.category)
        case (.command, nil): throw MessageRejected("there is no order \(key.orderID)")
        case (.command(let command), let order?):
            // A refusal needs no answer: the saga hears of the event that won from the topic.
            return ((try? order.decide(command, at: now)) ?? [], OrderStreams.category)
        }
    }
}
