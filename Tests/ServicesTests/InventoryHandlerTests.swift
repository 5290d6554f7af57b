import Execution
import InventoryFacts
import Messaging
import OrderFacts
import Orders
import Postgres
import TestServers
import Testing

@testable import Inventory
@testable import OrderflowKit

@Suite(.servers) struct InventoryHandlerTests {
    private let database: PostgresConfiguration
    private let connection: Connection

    init() throws {
        database = try freshDatabase(ServiceDatabase.inventory.migrations)
        connection = try Connection(database, logger: quiet)
    }

    private func handler(
        _ mode: FulfilmentMode = .orchestration, unknownSKU: StockLevels.UnknownSKU = .reject
    ) -> InventoryHandler {
        InventoryHandler(mode: mode, unknownSKU: unknownSKU, topic: "order-events", source: "/test")
    }

    private func level(_ sku: String, tenant: String = "default") throws -> StockLevels.Level? {
        try StockStore.one(tenant: tenant, sku: sku, on: connection)?.level
    }

    private func reserve(_ order: String, _ items: (String, Int)..., tenant: String = "default") -> InboundMessage {
        inbound(
            ReserveStock(orderID: order, items: items.map { OrderLine(sku: $0.0, quantity: $0.1) }), tenant: tenant)
    }

    private func release(_ order: String, tenant: String = "default") -> InboundMessage {
        inbound(ReleaseStock(orderID: order), tenant: tenant)
    }

    private func confirmed(_ order: String) -> InboundMessage {
        inbound(OrderConfirmed(orderID: order, userID: "u", total: Money(minorUnits: 1, currency: .usd), at: 1))
    }

    /// A batch with everything in it: the last pieces, a shortage, duplicates, undo before do, do and undo together.
    @Test func batchIsDecidedInOrder() throws {
        _ = try StockStore.set(tenant: "default", sku: "A", quantity: 5, by: .test, on: connection)
        _ = try StockStore.set(tenant: "default", sku: "B", quantity: 1, by: .test, on: connection)
        let a = { OrderLine(sku: "A", quantity: $0) }
        let b = OrderLine(sku: "B", quantity: 1)
        let facts = try handler().apply(
            [
                reserve("1", ("A", 3), ("B", 1)), reserve("2", ("A", 3)), reserve("1", ("A", 3), ("B", 1)),
                release("3"), reserve("3", ("A", 1)), reserve("4", ("A", 2)), release("4"), reserve("5", ("A", 2)),
            ], on: connection)
        #expect(
            are(
                facts,
                [
                    .stockReserved(items: [a(3), b]),
                    .stockRejected(reason: "3 of A asked for, 2 available", sku: "A"),
                    .stockReserved(items: [a(3), b]),
                    .stockReleased(items: []),
                    .stockRejected(reason: StockReservation.releasedReason, sku: nil),
                    .stockReserved(items: [a(2)]), .stockReleased(items: [a(2)]),
                    .stockReserved(items: [a(2)]),
                ]))
        #expect(try level("A") == .init(onHand: 5, reserved: 5))
        // The next batch reads what the first one wrote.
        let later = try handler().apply(
            [confirmed("1"), release("5"), release("5"), release("2"), reserve("1", ("A", 3), ("B", 1))],
            on: connection)
        #expect(
            are(
                later,
                [
                    .stockReleased(items: [a(2)]), .stockReleased(items: [a(2)]), .stockReleased(items: []),
                    .stockReserved(items: [a(3), b]),
                ]))
        #expect(try level("A") == .init(onHand: 2, reserved: 0, consumed: 3))
        #expect(try level("B") == .init(onHand: 0, reserved: 0, consumed: 1))
    }

    @Test func tenantsHaveStockOfTheirOwn() throws {
        _ = try StockStore.set(tenant: "acme", sku: "A", quantity: 1, by: .test, on: connection)
        let facts = try handler().apply(
            [reserve("1", ("A", 1), tenant: "acme"), reserve("1", ("A", 1)), reserve("2", ("A", 1), tenant: "acme")],
            on: connection)
        #expect(facts.map(\.type) == [StockReserved.type, StockRejected.type, StockRejected.type])
        #expect(try level("A", tenant: "acme") == .init(onHand: 1, reserved: 1))
    }

    @Test func choreographyReactsToFacts() throws {
        let order = OrderCreated(
            orderID: "1", userID: "u", items: [OrderLine(sku: "A", quantity: 2)],
            total: Money(minorUnits: 100, currency: .usd), createdAt: 1)
        let created = inbound(order)
        let cancelled = inbound(
            OrderCancelled(
                orderID: "1", userID: "u", total: Money(minorUnits: 100, currency: .usd), reason: "r", at: 2))
        _ = try StockStore.set(tenant: "default", sku: "A", quantity: 5, by: .test, on: connection)
        let choreography = handler(.choreography)
        #expect(choreography.types == [OrderCreated.type, OrderCancelled.type, OrderConfirmed.type])
        #expect(handler().types.isDisjoint(with: [OrderCreated.type, OrderCancelled.type]))
        let facts = try choreography.apply([created, cancelled], on: connection)
        #expect(
            are(
                facts,
                [
                    .stockReserved(items: order.items), .stockReleased(items: order.items),
                ]))
        #expect(try level("A") == .init(onHand: 5))
    }

    @Test func commandWithoutItemsIsRejected() throws {
        #expect(throws: MessageRejected.self) { try handler().apply([reserve("1")], on: connection) }
    }

    @Test func levelIsNeverSetBelowWhatIsReserved() throws {
        _ = try StockStore.set(tenant: "default", sku: "A", quantity: 5, by: .test, on: connection)
        try handler().apply([reserve("1", ("A", 4))], on: connection)
        #expect(throws: StockStore.BelowReserved(sku: "A", quantity: 3)) {
            try StockStore.set(tenant: "default", sku: "A", quantity: 3, by: .test, on: connection)
        }
        #expect(
            try StockStore.set(tenant: "default", sku: "A", quantity: 4, by: .test, on: connection).level
                == .init(onHand: 4, reserved: 4))
    }

    /// Two writers that both began an order's reservation: the second sees that it lost, and takes nothing.
    @Test func concurrentBeginningIsNoticed() throws {
        _ = try StockStore.set(tenant: "default", sku: "A", quantity: 5, by: .test, on: connection)
        let key = OrderKey(tenant: "default", orderID: "1")
        let read = try ReservationStore.load([key], on: connection)
        #expect(read.isEmpty)
        try handler().apply([reserve("1", ("A", 2))], on: connection)
        #expect(throws: ConcurrentChange.self) {
            try connection.transaction {
                try ReservationStore.save(
                    [(key, ReservationStore.Entry(reservation: StockReservation(status: .released)))], on: $0)
            }
        }
        #expect(try ReservationStore.load([key], on: connection)[key]?.reservation?.status == .reserved)
    }

    /// Batches over the same articles in opposite orders, from several connections at once: none deadlocks, and
    /// exactly as many orders are served as there are pieces.
    @Test func concurrentBatchesNeitherOversellNorDeadlock() throws {
        let pieces = 60
        let skus = (0..<8).map { "S\($0)" }
        for sku in skus {
            _ = try StockStore.set(tenant: "default", sku: sku, quantity: Int64(pieces), by: .test, on: connection)
        }
        let failures = Monitor<[String]>([])
        let handler = handler()
        let threads = (0..<4).map { worker in
            DedicatedThread.start("worker-\(worker)") { [database] in
                do {
                    let own = try Connection(database, logger: quiet)
                    for batch in 0..<5 {
                        let messages = (0..<5).map { index in
                            let order = "\(worker)-\(batch)-\(index)"
                            let lines = (worker % 2 == 0 ? skus : skus.reversed()).map { ($0, 1) }
                            return inbound(
                                ReserveStock(
                                    orderID: order, items: lines.map { OrderLine(sku: $0.0, quantity: $0.1) }))
                        }
                        try handler.apply(messages, on: own)
                    }
                } catch {
                    failures.withLock { $0.append("\(error)") }
                }
            }
        }
        for thread in threads { #expect(thread.join(timeout: .seconds(30))) }
        #expect(failures.withLock { $0 } == [])
        #expect(try connection.number("SELECT count(*) FROM reservations WHERE status = 'reserved'") == Int64(pieces))
        #expect(try connection.number("SELECT count(*) FROM reservations WHERE status = 'rejected'") == 40)
        #expect(try connection.number("SELECT sum(available)::bigint FROM stock") == 0)
    }
}
