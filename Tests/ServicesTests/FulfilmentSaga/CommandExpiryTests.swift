import Execution
import InventoryFacts
import JSON
import Messaging
import OrderFacts
import Orders
import PaymentFacts
import Postgres
import TestServers
import Testing

@testable import Fulfilment
@testable import Inventory
@testable import OrderAPI
@testable import OrderflowKit
@testable import Payment

/// Commands that come too late: not done, said so, and undone at once by whoever waits.
@Suite(.servers) struct CommandExpiryTests {
    private static let expiry = MessageExpiry.commands(
        of: .standard, skew: .seconds(2), topic: "order-events", source: "/test")
    private static let hours: Int64 = 3 * 3_600_000_000

    /// A saga's command as its participant gets it.
    private static func delivered(_ command: SagaCommand) -> InboundMessage {
        InboundMessage(
            id: UUIDText.v7(microseconds: 0), type: command.type, schemaVersion: 1, payload: command.payload,
            key: command.key, tenant: "default", correlationID: "c", traceparent: nil, time: 0, streamVersion: nil,
            source: .init(topic: command.topic, partition: 0, offset: 0), expiresAt: command.expiresAt)
    }

    private static func apply(
        _ messages: [InboundMessage], by handler: any BatchHandler, on connection: Connection
    ) throws -> [InboundMessage] {
        try comingAgain {
            try connection.transaction { connection in
                var outbox: [OutgoingEvent] = []
                try expiry.handle(messages, by: handler, claimingFor: nil, on: connection, outbox: &outbox)
                return outbox.map {
                    InboundMessage(
                        id: $0.metadata.id, type: $0.type, schemaVersion: 1, payload: $0.payload, key: $0.key,
                        tenant: $0.metadata.tenant, correlationID: "c", traceparent: nil, time: 0, streamVersion: nil,
                        source: .init(topic: $0.topic, partition: 0, offset: 0))
                }
            }
        }
    }

    /// The sagas' commands have lain on their topics for hours, in which some of the customers have cancelled: nobody is
    /// charged, nothing stays reserved, and every order ends.
    @Test func aBacklogOfHoursChargesNobody() throws {
        let definition = try FulfilmentSaga.definition(of: .fulfilment)
        let commands = Set(definition.steps.compactMap(\.command?.type))
        let payments = try PaymentFixture()
        let stock = try Connection(freshDatabase(ServiceDatabase.inventory.migrations), logger: quiet)
        let inventory = InventoryHandler(
            mode: .orchestration, unknownSKU: .unlimited, topic: "order-events", source: "/test")
        let then = WallClock.nowMicroseconds() - Self.hours
        var sagas: [String: SagaInstance] = [:]
        var waiting: [SagaCommand] = []

        func tell(_ order: String, _ type: String, _ payload: [UInt8], at now: Int64) throws {
            let transition = try definition.react(
                sagas[order] ?? SagaInstance(id: order, of: definition),
                to: .fact(type: type, payload: payload, messageID: "\(type)/\(order)"), at: now)
            sagas[order] = transition.instance
            waiting += transition.commands
        }

        for number in 0..<90 {
            let order = "o-\(number)"
            try tell(
                order, OrderCreated.type,
                OrderCreated(
                    orderID: order, userID: "u", items: [OrderLine(sku: "A", quantity: 1)],
                    total: PaymentFixture.amount,
                    createdAt: then
                ).payload(), at: then)
            if number.isMultiple(of: 3) {
                // Its stock was reserved in time; the charge is what waits.
                waiting.removeAll { $0.key == order }
                let reserve = inbound(ReserveStock(orderID: order, items: [OrderLine(sku: "A", quantity: 1)]))
                for fact in try Self.apply([reserve], by: inventory, on: stock) {
                    try tell(order, fact.type, fact.payload, at: then)
                }
            }
            if number.isMultiple(of: 5) {
                try tell(
                    order, OrderCancellationRequested.type,
                    OrderCancellationRequested(orderID: order, reason: "changed my mind", at: then).payload(), at: then)
            }
        }
        #expect(waiting.contains { $0.type == ProcessPayment.type && $0.expiresAt != nil })
        #expect(
            waiting.filter { $0.type == ReleaseStock.type || $0.type == RefundPayment.type }.allSatisfy {
                $0.expiresAt == nil
            })

        var expired = 0
        while !waiting.isEmpty {
            let commandsNow = waiting
            waiting = []
            var facts = try Self.apply(
                commandsNow.filter { $0.topic == "inventory-commands" }.map(Self.delivered), by: inventory, on: stock)
            facts += try Self.apply(
                commandsNow.filter { $0.topic == "payment-commands" }.map(Self.delivered), by: payments.handler,
                on: payments.connection)
            expired += facts.count { $0.type == CommandExpired.type }
            for fact in facts {
                try tell(
                    fact.key, FulfilmentSaga.factType(of: fact, commands), fact.payload, at: WallClock.nowMicroseconds()
                )
            }
            for command in commandsNow where command.type == CancelOrder.type {
                try tell(
                    command.key, OrderCancelled.type,
                    OrderCancelled(
                        orderID: command.key, userID: "u", total: PaymentFixture.amount, reason: "r", at: 1
                    ).payload(), at: WallClock.nowMicroseconds())
            }
        }
        #expect(expired == 90)
        #expect(sagas.values.allSatisfy { $0.status == .compensated && $0.attention == nil })
        #expect(
            Set(sagas.values.map { $0.reason ?? "" }) == [
                "stock took too long", "payment took too long", "changed my mind",
            ])
        #expect(try PaymentStore.claim(limit: 100, lease: .seconds(60), on: payments.connection).isEmpty)
        #expect(
            try payments.connection.number("SELECT count(*) FROM payments WHERE status IN ('declined', 'voided')") == 30
        )
        #expect(try stock.number("SELECT count(*) FROM reservations WHERE status = 'reserved'") == 0)
    }

    private func charge(_ order: String, expiresAt: Int64?) -> InboundMessage {
        let command = ProcessPayment(orderID: order, userID: "u", amount: PaymentFixture.amount, paymentToken: "tok")
        return Self.delivered(
            SagaCommand(
                topic: "payment-commands", key: order, type: ProcessPayment.type, payload: command.bytes,
                expiresAt: expiresAt))
    }

    /// One that was done is answered as it was; one that was refused isn't done by a process whose clock is behind.
    @Test func whatWasDecidedStays() throws {
        let payments = try PaymentFixture()
        func send(_ messages: InboundMessage...) throws -> [String] {
            try Self.apply(messages, by: payments.handler, on: payments.connection).map(\.type)
        }
        let now = WallClock.nowMicroseconds()
        #expect(try send(charge("done", expiresAt: now + Self.hours)).isEmpty)
        #expect(try send(charge("done", expiresAt: now - Self.hours)).isEmpty)
        #expect(try payments.status("done") == .charging)
        #expect(try send(charge("late", expiresAt: now - Self.hours)) == ["CommandExpired"])
        #expect(try send(charge("late", expiresAt: now + Self.hours)) == ["PaymentFailed"])
        #expect(try send(payments.undo("late")) == ["PaymentVoided"])
        // Undone first: nothing is left to be late for.
        #expect(try send(payments.undo("undone")) == ["PaymentVoided"])
        #expect(try send(charge("undone", expiresAt: now - Self.hours)) == ["PaymentFailed"])
        // Within what clocks may differ by.
        #expect(try send(charge("near", expiresAt: now)).isEmpty)
        #expect(try payments.status("near") == .charging)

        let stock = try Connection(freshDatabase(ServiceDatabase.inventory.migrations), logger: quiet)
        let inventory = InventoryHandler(
            mode: .orchestration, unknownSKU: .unlimited, topic: "order-events", source: "/test")
        func reserve(_ order: String, expiresAt: Int64) throws -> [String] {
            let command = ReserveStock(orderID: order, items: [OrderLine(sku: "A", quantity: 1)])
            let message = Self.delivered(
                SagaCommand(
                    topic: "inventory-commands", key: order, type: ReserveStock.type, payload: command.bytes,
                    expiresAt: expiresAt))
            return try Self.apply([message], by: inventory, on: stock).map(\.type)
        }
        #expect(try reserve("done", expiresAt: now + Self.hours) == ["StockReserved"])
        #expect(try reserve("done", expiresAt: now - Self.hours) == ["StockReserved"])
        #expect(try reserve("late", expiresAt: now - Self.hours) == ["CommandExpired"])
        #expect(try reserve("late", expiresAt: now + Self.hours) == ["StockRejected"])
    }

    /// The saga's side: before its own deadline, behind it, and for a step that has succeeded.
    @Test func theSagaUndoesAtOnce() throws {
        let definition = try FulfilmentSaga.definition(of: .fulfilment)
        #expect(definition.types.contains(CommandExpired.type))
        #expect(!definition.types.contains { $0.contains("(") })
        func told(_ types: String...) throws -> (SagaInstance, [String]) {
            var saga = SagaInstance(id: "o", of: definition)
            var commands: [String] = []
            for (number, type) in types.enumerated() {
                let payload = type == OrderCreated.type ? Sample.order.bytes : Array("{}".utf8)
                let input = SagaInput.fact(type: type, payload: payload, messageID: "\(number)")
                let transition = try definition.react(
                    saga, to: type == "deadline" ? .deadline : input, at: type == "deadline" ? Self.hours : 1)
                saga = transition.instance
                commands += transition.commands.map(\.type)
            }
            return (saga, commands)
        }
        let tooLate = SagaDefinition.factType(CommandExpired.type, of: ProcessPayment.type)
        var (saga, commands) = try told(OrderCreated.type, StockReserved.type, tooLate)
        #expect(commands == ["ReserveStock", "ProcessPayment", "ReleaseStock"])
        #expect(saga.reason == "payment took too long")
        (saga, commands) = try told(OrderCreated.type, StockReserved.type, "deadline", tooLate)
        #expect(commands == ["ReserveStock", "ProcessPayment", "RefundPayment"])
        #expect(saga.status == .compensating)
        (saga, commands) = try told(OrderCreated.type, StockReserved.type, PaymentProcessed.type, tooLate)
        #expect(saga.status == .running && saga.reason == nil)
    }

    /// Without a leader an expired command of a step fails the order too.
    @Test func choreographyCancels() throws {
        let rules = OutcomeRules(ServiceCatalogue.fulfilment.steps)
        #expect(rules.types.contains(CommandExpired.type))
        func outcome(of command: String) throws -> OrderOutcomes.Outcome? {
            try rules.outcome(
                of: inbound(CommandExpired(orderID: "o", command: command, commandID: "1", expiresAt: 1, at: 2)))
        }
        #expect(try outcome(of: "ProcessPayment") == .failed(reason: "payment took too long"))
        #expect(try outcome(of: "ConfirmOrder") == nil)
    }
}
