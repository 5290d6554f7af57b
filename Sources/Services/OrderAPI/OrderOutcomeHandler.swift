import Messaging
import OrderFacts
import OrderflowKit
import Orders
import Postgres

/// Choreography's end of the order service: confirms an order once all three outcomes are there, cancels it at the
/// first failure or the customer's request.
struct OrderOutcomeHandler: BatchHandler {
    private static let reads = OrderOutcomes.reads
    var types: Set<String> { Self.reads.types }

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        let facts = try messages.compactMap { message in
            try message.payload(of: Self.reads).map { (message, OrderKey(tenant: message.tenant, orderID: $0.key), $0) }
        }
        var outcomes = try OrderOutcomeStore.load(Set(facts.map(\.1)).sorted(), on: connection)
        var changed: Set<OrderKey> = []
        var intents: [(message: InboundMessage, key: OrderKey, intent: OrderIntent)] = []
        for (message, key, fact) in facts {
            if let created = fact as? OrderCreated {
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
