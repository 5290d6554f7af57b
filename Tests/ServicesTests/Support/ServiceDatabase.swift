import Logging
import Messaging
import Orders
import Postgres
import TestServers

@testable import OrderflowKit

/// A database of its own with a service's tables, so that tests run side by side.
func freshDatabase(_ migrations: [Migration]) throws -> PostgresConfiguration {
    let contents = migrations.map { "\($0.version) \($0.name)\n\($0.sql)" }.joined(separator: "\n")
    return try PostgresConfiguration(
        PostgresServer.shared.get().createDatabase(of: contents) { url in
            let connection = try Connection(PostgresConfiguration(url), logger: quiet)
            defer { connection.close() }
            _ = try Migrator.migrate(connection, migrations)
        })
}

/// Nothing below `critical`: the tests cause the warnings on purpose.
let quiet: Logger = {
    var logger = Logger(label: "services-tests")
    logger.logLevel = .critical
    return logger
}()

extension Connection {
    func number(_ sql: String, _ parameters: [Parameter] = []) throws -> Int64 {
        try query(sql, parameters).one().get(0)
    }

    /// The facts that wait in the outbox, in order.
    func outboxFacts() throws -> [any OrderFact] {
        try query("SELECT type, data FROM outbox ORDER BY position").compactMap { row in
            try FactCatalogue.standard.decode(
                try row.get(0, as: String.self), EncodedPayload(try row.get(1, as: [UInt8].self))) as? any OrderFact
        }
    }
}

/// A message as a consumer would hand it over, each with an id of its own.
func inbound<Payload: OrderPayload>(
    _ payload: Payload, tenant: String = "default", id: String? = nil
) -> InboundMessage {
    inbound(type: Payload.type, key: payload.key, payload: payload.bytes, tenant: tenant, id: id)
}

extension MessagePayload {
    /// What none of ours fails to be; nothing reads what is no payload.
    var bytes: [UInt8] { (try? payload()) ?? [] }
}

private func inbound(type: String, key: String, payload: [UInt8], tenant: String, id: String?) -> InboundMessage {
    InboundMessage(
        id: id ?? UUIDText.v7(microseconds: 0), type: type, schemaVersion: 1, payload: payload, key: key,
        tenant: tenant, correlationID: "correlation", traceparent: nil, time: 0, streamVersion: nil,
        source: InboundMessage.Source(topic: "test", partition: 0, offset: 0))
}

extension BatchHandler {
    /// One batch in one transaction, as the runner does it: again where it was wrong about others. Returns the facts that went
    /// to the outbox.
    @discardableResult
    func apply(_ messages: [InboundMessage], on connection: Connection) throws -> [any OrderFact] {
        try comingAgain {
            try connection.transaction { connection in
                var outbox: [OutgoingEvent] = []
                try handle(messages, on: connection, outbox: &outbox)
                try Outbox.append(outbox, on: connection)
                return try outbox.compactMap {
                    try FactCatalogue.standard.decode($0.type, EncodedPayload($0.payload)) as? any OrderFact
                }
            }
        }
    }
}

/// A batch's transaction, as often as a group's worker that was wrong about others has to begin it.
func comingAgain<Outcome>(_ transaction: () throws -> Outcome) throws -> Outcome {
    do {
        return try transaction()
    } catch is ConcurrentChange {
        return try transaction()
    }
}
