import Messaging
import OrderflowKit
import Orders
import Postgres

/// Choreography's end of the order service: confirms an order once all three outcomes are there, cancels it at the
/// first failure or the customer's request.
struct OrderOutcomeHandler: BatchHandler {
    let types: Set<String> = [
        FactType.orderCreated, FactType.stockReserved, FactType.stockRejected, FactType.paymentProcessed,
        FactType.paymentFailed, FactType.shipmentCreated, FactType.shipmentFailed,
        FactType.orderCancellationRequested,
    ]

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        let facts = try messages.compactMap { message in
            try message.orderFact().map { (message, OrderKey(tenant: message.tenant, orderID: $0.orderID), $0) }
        }
        var outcomes = try OrderOutcomeStore.load(Set(facts.map(\.1)).sorted(), on: connection)
        var changed: Set<OrderKey> = []
        var intents: [(message: InboundMessage, key: OrderKey, intent: OrderIntent)] = []
        for (message, key, fact) in facts {
            if case .orderCreated(let created) = fact.kind {
                // A foreign order may not be adopted yet by whoever does that, and what came of it may have been first:
                // its producer's partitioner isn't ours.
                intents.append((message, key, .adopt(created)))
                if let command = outcomes[key]?.command { intents.append((message, key, .command(command))) }
                continue
            }
            guard let reaction = OrderOutcomes.react(to: fact, outcomes[key]) else { continue }
            outcomes[key] = reaction.outcomes
            changed.insert(key)
            if let command = reaction.command { intents.append((message, key, .command(command))) }
        }
        try OrderDecisions.make(intents, on: connection)
        try OrderOutcomeStore.save(
            changed.sorted().compactMap { key in outcomes[key].map { (key, $0) } }, on: connection)
    }
}
