import Messaging
import OrderflowKit
import Orders
import Postgres

/// Queues what happens for the endpoints that want to be told. The sending is `DeliveryWorker`'s: nothing outside of
/// PostgreSQL happens in a consumer's transaction.
struct WebhookHandler: BatchHandler {
    let reads: FactCatalogue
    /// Of the worker beside it.
    let desk: DeliveryDesk

    var types: Set<String> { reads.types }
    /// A shop whose tenants have no webhooks reads no fact for them.
    var isIdle: (@Sendable (Connection) throws -> Bool)? { { try EndpointStore.isEmpty(on: $0) } }

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        let tenants = try EndpointStore.tenants(among: Set(messages.map(\.tenant)), on: connection)
        guard !tenants.isEmpty else { return }
        var facts: [WebhookFact] = []
        var seen: Set<[String]> = []
        for message in messages where tenants.contains(message.tenant) {
            guard let fact = try message.payload(of: reads),
                seen.insert([message.tenant, message.identity]).inserted
            else { continue }
            facts.append(WebhookFact(message, about: fact.key))
        }
        let endpoints = try QueueStore.add(facts, on: connection)
        guard !endpoints.isEmpty else { return }
        try connection.whenEnded { [desk] isCommitted in if isCommitted { desk.wake(for: endpoints) } }
    }
}
