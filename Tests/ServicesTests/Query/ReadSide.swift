import Execution
import HTTPServer
import Logging
import Messaging
import OrderFacts
import Orders
import Postgres

@testable import OrderflowKit
@testable import Projection
@testable import Query

/// The read side on a port, over a database of its own, and the projection that writes there.
struct ReadSide: Sendable {
    let database: PostgresConfiguration
    let watch: OrderWatch
    let port: UInt16
    let draining: Monitor<Bool>
    let clients: ClientCount

    /// Runs `body` on a thread of its own: clients block.
    ///
    /// - Parameters:
    ///   - hears: whether the read side listens to notifications.
    ///   - gate: says who asks.
    static func run(
        limits: OrderWatch.Limits = OrderWatch.Limits(), hears: Bool = true,
        gate: any AccessGate = OpenGate(),
        _ body: @escaping @Sendable (ReadSide) throws -> Void
    ) async throws {
        let database = try freshDatabase(ServiceDatabase.views.migrations)
        let pool = ConnectionPool(database, size: 2, name: "views", logger: quiet)
        let draining = Monitor(false)
        let watch = OrderWatch(
            views: pool, database: database, limits: limits, isDraining: { draining.withLock { $0 } }, logger: quiet)
        let router = Router(QueryRoutes(views: pool, watch: watch).routes, gate: gate)
        let parts = hears ? watch.parts : watch.parts.filter { $0.name == "view-watch" }
        let clients = ClientCount()
        try await serving(
            router, with: parts, observer: clients,
            toBlocking: { port in
                try body(
                    ReadSide(database: database, watch: watch, port: port, draining: draining, clients: clients))
            })
    }

    func client() throws -> WireClient { try WireClient(port: port) }

    func get(_ path: String, _ headers: [String: String] = [:]) throws -> WireClient.Answer {
        let client = try client()
        try client.get(path, headers)
        return try client.answer()
    }

    /// One batch through the projection.
    func project(_ messages: [InboundMessage]) throws {
        let connection = try Connection(database, logger: quiet)
        defer { connection.close() }
        try OrderViewProjection(.standard).apply(messages, on: connection)
    }
}

/// A fact as the topic has it. Its id says which one it is, so that a repeat is one.
func heard(
    _ kind: FactDraft, of orderID: String = "o-1", at: Int64 = 1_000_000, version: Int? = nil,
    tenant: String = "default"
) -> InboundMessage {
    let fact = kind.of(orderID, at: at)
    return InboundMessage(
        id: "\(kind.type)-\(orderID)-\(at)", type: kind.type, schemaVersion: 1, payload: fact.bytes, key: orderID,
        tenant: tenant, correlationID: "correlation", traceparent: nil, time: at, streamVersion: version,
        source: InboundMessage.Source(topic: "order-events", partition: 0, offset: 0))
}

func created(
    _ orderID: String = "o-1", by user: String = "alice", at: Int64 = 1_000_000, items: [OrderLine]? = nil,
    cents: Int64 = 4999, currency: Currency = .usd, email: String? = nil, shippingAddress: String? = nil,
    tenant: String = "default"
) -> InboundMessage {
    let order = OrderCreated(
        orderID: orderID, userID: user, items: items ?? [OrderLine(sku: "ABC", quantity: 2)],
        total: Money(minorUnits: cents, currency: currency), createdAt: at, email: email,
        shippingAddress: shippingAddress)
    return heard(.orderCreated(order), of: orderID, at: at, version: 1, tenant: tenant)
}

func confirmed(
    _ orderID: String = "o-1", by user: String = "alice", at: Int64 = 2_000_000, version: Int? = 2,
    cents: Int64 = 4999, tenant: String = "default"
) -> InboundMessage {
    heard(
        .orderConfirmed(userID: user, total: Money(minorUnits: cents, currency: .usd)), of: orderID, at: at,
        version: version, tenant: tenant)
}

func cancelled(
    _ orderID: String = "o-1", by user: String = "alice", at: Int64 = 3_000_000, version: Int? = 2,
    cents: Int64 = 4999, tenant: String = "default"
) -> InboundMessage {
    heard(
        .orderCancelled(userID: user, total: Money(minorUnits: cents, currency: .usd), reason: "changed my mind"),
        of: orderID, at: at, version: version, tenant: tenant)
}
