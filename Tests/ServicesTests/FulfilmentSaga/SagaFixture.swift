import Execution
import HTTPServer
import Logging
import Messaging
import Orders
import Outbound
import Postgres
import TestServers

@testable import Services

/// What tests of the saga's surroundings share.
enum SagaFixture {
    /// Nothing below `critical`: the tests cause the warnings on purpose.
    static let logger: Logger = {
        var logger = Logger(label: "saga-tests")
        logger.logLevel = .critical
        return logger
    }()

    /// A database of its own with a service's tables.
    static func database(_ migrations: [Migration]) throws -> PostgresConfiguration {
        let configuration = try PostgresConfiguration(try PostgresServer.shared.get().createDatabase())
        let connection = try Connection(configuration, logger: logger)
        defer { connection.close() }
        _ = try Migrator.migrate(connection, migrations)
        return configuration
    }

    static func message(_ kind: OrderFact.Kind, of orderID: String, tenant: String = "default") -> InboundMessage {
        InboundMessage(
            id: UUIDText.v7(microseconds: WallClock.nowMicroseconds()), type: kind.type, schemaVersion: 1,
            payload: OrderFact(orderID: orderID, at: 1, kind).payload(), key: orderID, tenant: tenant,
            correlationID: "correlation", traceparent: nil, time: 1, streamVersion: nil,
            source: InboundMessage.Source(topic: "order-events", partition: 0, offset: 0))
    }

    static func created(_ orderID: String) -> OrderFact.Kind {
        let sample = Sample.order
        return .orderCreated(
            OrderCreated(
                orderID: orderID, userID: sample.userID, items: sample.items, total: sample.total, createdAt: 1))
    }

    /// One batch in one transaction, as the consumer runner does it.
    static func apply(_ handler: some BatchHandler, _ messages: [InboundMessage], on connection: Connection) throws {
        try connection.transaction { connection in
            var outbox: [OutgoingEvent] = []
            try handler.handle(messages, on: connection, outbox: &outbox)
            try Outbox.append(outbox, on: connection)
        }
    }

    /// Serves `routes` on a free port while `body` runs.
    static func serve<Value>(
        _ routes: (inout Router) -> Void, _ body: (_ url: String) async throws -> Value
    ) async throws -> Value {
        var router = Router()
        routes(&router)
        let server = HTTPServer(
            HTTPServerConfiguration(host: "127.0.0.1", port: 0), router: router, observer: nil, logger: logger)
        let port = try server.start().first?.port ?? 0
        do {
            let value = try await body("http://127.0.0.1:\(port)")
            await server.stop(deadline: .seconds(5))
            return value
        } catch {
            await server.stop(deadline: .seconds(5))
            throw error
        }
    }

    /// `GET url`, off the cooperative threads.
    static func get(_ url: String, tenant: String = "default") async throws -> (status: Int, body: String) {
        let answer = try await DedicatedThread.run("get") {
            try HTTPClient().send(HTTPClient.Request(url: url, headers: [("X-Tenant-Id", tenant)]))
        }
        return (answer.status, String(decoding: answer.body, as: UTF8.self))
    }
}
