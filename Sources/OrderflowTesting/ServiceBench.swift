import Execution
import HTTPServer
import Kafka
import Logging
import Messaging
import OrderFacts
import OrderflowKit
import Orders
import Outbound
import Postgres
import TestServers

/// A service on a private database, without a broker: facts go in, rows and other facts come out, and its routes answer.
///
///     let loyalty = try ServiceBench(.loyalty)
///     let said = try loyalty.handle(EarnPoints(orderID: "o-1", userID: "alice", points: 42))
///     #expect(try loyalty.rows("SELECT points FROM loyalty") == [["42"]])
///     #expect(try loyalty.get("/loyalty/alice").body == #"{"points":42}"#)
///
/// Blocks the calling thread: use it in suites with the trait `.blocking`.
public final class ServiceBench {
    let module: ServiceModule
    let context: ServiceContext
    let connection: Connection
    /// All messages so far, in their order.
    private(set) var handled: [InboundMessage] = []
    private let handler: any BatchHandler
    private let catalogue: FactCatalogue
    private let topic: String
    private let routes: [Routes]

    /// Makes a database with the service's schema, on a server that all tests of the process share.
    ///
    /// - Parameters:
    ///   - group: the name of one of the service's groups; nil is its first.
    ///   - services: whose facts are known; those of `module` always are.
    ///   - configure: changes settings.
    public init(
        _ module: ServiceModule, group name: String? = nil, among services: [ServiceModule] = [],
        _ configure: (inout Settings) -> Void = { _ in }
    ) throws {
        guard let group = module.groups.first(where: { name == nil || $0.name == name }), let store = module.database
        else { throw NoSuchGroup(service: module.name, group: name) }
        let known = services.contains { $0.name == module.name } ? services : services + [module]
        var settings = Settings(ServiceCatalogue(known))
        configure(&settings)
        let database = try PostgresConfiguration(PostgresServer.shared.get().createDatabase())
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        connection = try Connection(database, logger: logger)
        try Migrator.migrate(connection, store.migrations)
        self.module = module
        context = ServiceContext(
            name: module.source, settings: settings, kafka: settings.kafka.configuration, database: database,
            health: HealthRegistry(), logger: logger)
        handler = try group.handler(context)
        routes = try module.running(context).routes
        catalogue = settings.services.facts
        topic = group.topics(in: settings.mode).first.map { settings.topics.names[$0] } ?? ""
    }

    deinit { connection.close() }

    /// Hands messages to the group as one batch, in one transaction, and returns what it put into its outbox.
    ///
    /// Throws `MessageRejected` where a daemon would make a dead letter. Payloads that no service of the bench publishes
    /// are handed over all the same; those that the group doesn't react to are passed over.
    ///
    /// - Parameter expiresAt: of commands, microseconds since the Unix epoch: one that comes later isn't done, and
    ///   `CommandExpired` says so.
    @discardableResult
    public func handle(
        _ payloads: any MessagePayload..., tenant: String = "default", expiringAt expiresAt: Int64? = nil
    ) throws -> [any MessagePayload] {
        let messages = try payloads.filter { handler.types.contains(type(of: $0).type) }.enumerated().map {
            try message($1, at: Int64(handled.count + $0), tenant: tenant, expiresAt: expiresAt)
        }
        let outgoing = try connection.transaction { connection in
            var outbox: [OutgoingEvent] = []
            try MessageExpiry.commands(context)
                .handle(messages, by: handler, claimingFor: nil, on: connection, outbox: &outbox)
            return outbox
        }
        handled += messages
        return try outgoing.compactMap { event in
            if event.type == CommandExpired.type { return try CommandExpired(EncodedPayload(event.payload)) }
            return try catalogue.decode(event.type, EncodedPayload(event.payload))
        }
    }

    /// `ce_source` of what is handed over.
    static let source = "/test"

    private func message(
        _ payload: some MessagePayload, at offset: Int64, tenant: String, expiresAt: Int64?
    ) throws -> InboundMessage {
        InboundMessage(
            id: "m-\(offset)", type: type(of: payload).type, schemaVersion: type(of: payload).version,
            payload: try payload.payload(), key: payload.key, tenant: tenant, correlationID: "test", traceparent: nil,
            time: WallClock.nowMicroseconds(), streamVersion: nil,
            source: InboundMessage.Source(topic: topic, partition: 0, offset: offset), origin: Self.source,
            expiresAt: expiresAt)
    }

    /// What a route of the service answers to `GET path`, on a port of its own for as long as it takes.
    ///
    /// - Parameter headers: of the request, as `["X-Tenant-Id": "acme"]`.
    public func get(_ path: String, headers: [String: String] = [:]) throws -> (status: Int, body: String) {
        let server = HTTPServer(HTTPServerConfiguration(host: "127.0.0.1", port: 0), router: Router(routes))
        let port = try server.start()[0].port
        defer { Task { await server.stop(deadline: .zero) } }
        let answer = try HTTPClient().send(
            HTTPClient.Request(
                url: "http://127.0.0.1:\(port)\(path)", headers: headers.map { (name: $0.key, value: $0.value) }))
        return (answer.status, String(decoding: answer.body, as: UTF8.self))
    }

    /// The rows that a query finds, as text.
    public func rows(_ sql: String) throws -> [[String?]] {
        // One text of each row, whatever the types of its columns: an array of what `row_to_json` has.
        try connection.query(
            "SELECT array(SELECT value FROM json_each_text(row_to_json(found))) FROM (\(sql)) AS found"
        ).map { try $0.get(0, as: [String?].self) }
    }
}

/// A service hasn't got the group that a bench is to be of.
struct NoSuchGroup: Error, CustomStringConvertible {
    let service: String
    let group: String?
    var description: String { "\(service) has no consumer group \(group ?? "and database")" }
}
