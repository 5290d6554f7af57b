import Execution
import HTTPServer
import JSON
import Kafka
import Messaging
import OrderFacts
import Orders
import Postgres
import Sealing

@testable import OrderAPI
@testable import OrderflowKit

/// The command side on a port, over a database of its own.
struct OrderSide: Sendable {
    let database: PostgresConfiguration
    var limits = LimitSettings()
    /// `lanes.express`.
    var hasLanes = true

    /// - Parameter sealing: whether there is a key to seal payment tokens with.
    init(sealing: Bool = true, prepare: (Connection) throws -> Void = { _ in }) throws {
        database = try freshDatabase(ServiceDatabase.orders.migrations)
        let connection = try Connection(database, logger: quiet)
        defer { connection.close() }
        if sealing { try PaymentTokenSeal.take(OpeningKey().publicKey, on: connection) }
        try prepare(connection)
    }

    /// A process of the service: its writer takes nothing any more once it was stopped.
    func start() -> OrderService {
        var settings = Settings(.fulfilment)
        settings.limits = limits
        settings.lanes.express = hasLanes ? .on : .off
        return OrderService(
            ServiceContext(
                name: "orders", settings: settings,
                kafka: KafkaConfiguration(bootstrapServers: "127.0.0.1:1"), database: database,
                health: HealthRegistry(), logger: quiet))
    }

    /// Runs `body` on a thread of its own, as whom the principal says.
    func serve(as principal: Principal = .open, _ body: @escaping @Sendable (WireClient) throws -> Void) async throws {
        let service = start()
        let routes =
            OrderRoutes(service, logger: quiet).routes
            + [BatchRoutes(service, logger: quiet).routes, UserRoutes(service).routes]
        let writer = service.writer
        try await serving(
            Router(routes, gate: FixedGate(principal: principal)),
            with: [ThreadGroup.Part("event-writer") { writer.run(until: $0) }],
            toBlocking: { port in try body(WireClient(port: port)) })
    }

    func connect() throws -> Connection { try Connection(database, logger: quiet) }
}

extension WireClient {
    /// Posts with a key.
    func post(_ path: String, key: String, _ body: String) throws -> Answer {
        try send("POST", path, ["Idempotency-Key": key], body: body)
        return try answer()
    }
}

extension WireClient.Answer {
    var isReplay: Bool { header("Idempotency-Replayed") == "true" }

    /// The value of the first member of the name.
    func text(_ name: String) -> String? {
        guard let start = body.range(of: "\"\(name)\":\"") else { return nil }
        return String(body[start.upperBound...].prefix { $0 != "\"" })
    }
}
