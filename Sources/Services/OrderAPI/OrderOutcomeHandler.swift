import Messaging
import OrderFacts
import OrderflowKit
import Orders
import Postgres

/// Choreography's end of the order service: confirms an order once all steps have succeeded, cancels it at the first
/// failure or the customer's request.
struct OrderOutcomeHandler: BatchHandler {
    let types: Set<String>
    private let rules: OutcomeRules
    private let fanIn: BatchFanIn

    init(_ steps: [FulfilmentStep], fanIn: BatchFanIn = BatchFanIn(topic: Topic.orderEvents.defaultName)) {
        self.fanIn = fanIn
        rules = OutcomeRules(steps)
        types = rules.types.union([OrderCreated.type])
    }

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        let facts = try messages.compactMap { message in
            try message.fulfilmentOrderID().map { (message, OrderKey(tenant: message.tenant, orderID: $0)) }
        }
        var outcomes = try OrderOutcomeStore.load(Set(facts.map(\.1)).sorted(), on: connection)
        var changed: Set<OrderKey> = []
        var intents: [(message: InboundMessage, key: OrderKey, intent: OrderIntent)] = []
        for (message, key) in facts {
            if let created = try message.payload(as: OrderCreated.self) {
                // A foreign order may not be adopted yet by the other group, and what came of it may have been first:
                // its producer's partitioner isn't ours.
                intents.append((message, key, .adopt(created)))
                if let command = outcomes[key]?.command { intents.append((message, key, .command(command))) }
                continue
            }
            guard let outcome = try rules.outcome(of: message),
                let reaction = OrderOutcomes.react(to: outcome, outcomes[key], of: rules.steps)
            else { continue }
            outcomes[key] = reaction.outcomes
            changed.insert(key)
            if let command = reaction.command { intents.append((message, key, .command(command))) }
        }
        try OrderDecisions.make(intents, fanIn: fanIn, on: connection, outbox: &outbox)
        try OrderOutcomeStore.save(
            changed.sorted().compactMap { key in outcomes[key].map { (key, $0) } }, on: connection)
    }
}
