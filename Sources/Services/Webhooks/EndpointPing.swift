import Execution
import Postgres

extension EndpointStore {
    /// Queues a ping, behind nothing. Returns its `webhook-id`.
    package static func ping(
        _ id: String, tenant: String, source: String, on connection: Connection
    ) throws -> String {
        let fact = WebhookFact(pinging: id, tenant: tenant, source: source, at: WallClock.nowMicroseconds())
        try connection.transaction { connection in
            guard let endpoint = try one(id, tenant: tenant, on: connection) else { throw NoSuchEndpoint(id: id) }
            _ = try QueueStore.add(fact, for: endpoint.number, on: connection)
        }
        return fact.webhookID
    }
}
