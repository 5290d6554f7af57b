import Messaging
import Orders
import Postgres
import TestServers
import Testing

@testable import OrderAPI
@testable import OrderflowKit

/// In choreography a foreign producer's partitioner may bring what came of an order before its announcement.
@Suite(.blocking, .servers) struct EarlyOutcomeTests {
    private let database: PostgresConfiguration
    private let connection: Connection
    private let handler = OrderOutcomeHandler(ServiceCatalogue.fulfilment.steps)
    private static let total = Money(minorUnits: 1_250, currency: .usd)

    init() throws {
        database = try freshDatabase(ServiceDatabase.orders.migrations)
        connection = try Connection(database, logger: quiet)
    }

    private func created(_ id: String) -> InboundMessage { ServicesTests.created(id, total: Self.total) }

    private func successes(_ id: String) -> [InboundMessage] {
        [
            fact(id, .stockReserved(items: [OrderLine(sku: "A", quantity: 1)])),
            fact(id, .paymentProcessed(amount: Self.total, reference: "r")),
            fact(id, .shipmentCreated(shipmentID: "s")),
        ]
    }

    private func events(_ id: String) throws -> [String] {
        try connection.query("SELECT type FROM events WHERE stream_id = $1 ORDER BY version", [.text(id)])
            .map { try $0.get(0, as: String.self) }
    }

    @Test func aConfirmationWaitsForItsOrder() throws {
        try handler.apply(successes("1"), on: connection)
        #expect(try events("1") == [])
        try handler.apply([created("1")], on: connection)
        #expect(try events("1") == ["OrderCreated", "OrderConfirmed"])
        try handler.apply([created("1")] + successes("1"), on: connection)
        #expect(try events("1") == ["OrderCreated", "OrderConfirmed"], "once")
    }

    @Test func soDoesACancellationWithItsReason() throws {
        try handler.apply([fact("1", .stockRejected(reason: "sold out", sku: "A")), created("1")], on: connection)
        #expect(try events("1") == ["OrderCreated", "OrderCancelled"])
        let reason = try connection.query("SELECT data->>'reason' FROM events WHERE version = 2")[0]
            .get(0, as: String.self)
        #expect(reason == "stock: sold out")
    }

    /// Two daemons, one with the order and one with what came of it, in every order in which they can meet.
    @Test func neitherMissesTheOther() throws {
        let ids = (0..<60).map { "\($0)" }
        let orders = ids.map { created($0) }
        let failures = ids.reversed().map { fact($0, .paymentFailed(reason: "declined")) }
        #expect(handler.meet([orders, failures], in: database))
        for id in ids { #expect(try events(id) == ["OrderCreated", "OrderCancelled"], "order \(id)") }
    }
}
