import InventoryFacts
import Messaging
import OrderFacts
import Orders
import PaymentFacts
import Postgres
import Randomness
import ShippingFacts
import TestServers
import Testing

@testable import Inventory
@testable import Notification
@testable import OrderAPI
@testable import OrderflowKit
@testable import Payment
@testable import Shipping

/// Groups without an inbox: a copy of a record, however old and whatever came after it, changes nothing and sends nothing.
///
/// Each case is run twice, plainly and with copies of its messages anywhere behind them, in other batches, and both runs
/// have to leave the same rows and the same messages.
@Suite(.servers) struct CopyTests {
    private struct Group: Sendable {
        let name: String
        let database: ServiceDatabase
        let handler: @Sendable () -> any BatchHandler
        /// Rows in the inbox that a plain run may leave behind: none, where orders come by their usual way.
        var isUsual = false
        /// What a run leaves behind, as text.
        let rows: String
        /// What comes about one order, in this order.
        let messages: @Sendable (String, inout SeededGenerator) -> [InboundMessage]
    }

    private struct RolledBack: Error {}

    private static let money = Money(minorUnits: 700, currency: .usd)
    /// 32 bytes in Base64.
    private static let tokenKey = String(repeating: "A", count: 43) + "="
    private static let free = Money(minorUnits: 0, currency: .usd)

    private static func created(_ order: String, _ random: inout SeededGenerator) -> InboundMessage {
        let sku = [Shipment.unshippableSKU, "A", "B", "B"].randomElement(using: &random) ?? "A"
        return inbound(
            OrderCreated(
                orderID: order, userID: "u", items: [OrderLine(sku: sku, quantity: 1)],
                total: Bool.random(using: &random) ? money : free, createdAt: 1,
                shippingAddress: Bool.random(using: &random) ? Shipment.undeliverableMark : nil))
    }

    private static func confirmed(_ order: String) -> InboundMessage {
        inbound(OrderConfirmed(orderID: order, userID: "u", total: money, at: 2))
    }

    private static func cancelled(_ order: String) -> InboundMessage {
        inbound(OrderCancelled(orderID: order, userID: "u", total: money, reason: "r", at: 2))
    }

    private static func processed(_ order: String) -> InboundMessage {
        inbound(PaymentProcessed(orderID: order, amount: money, reference: "c", at: 2))
    }

    private static func some(
        _ random: inout SeededGenerator, of kinds: [@Sendable () -> InboundMessage]
    ) -> [InboundMessage] {
        (0..<Int.random(in: 1...12, using: &random)).compactMap { _ in kinds.randomElement(using: &random)?() }
    }

    private static let groups: [Group] = [
        Group(
            name: "shipping", database: .shipping,
            handler: { ShippingHandler(topic: "t", source: "/test") },
            rows: "SELECT order_id || ' ' || status FROM shipments",
            messages: { order, random in
                Bool.random(using: &random)
                    ? [cancelled(order), created(order, &random)]
                    : [created(order, &random)]
                        + some(
                            &random, of: [{ processed(order) }, { confirmed(order) }, { cancelled(order) }])
            }),
        Group(
            name: "notification", database: .notification,
            handler: { NotificationHandler(recipientDomain: "d.test", messageDomain: "m") },
            rows: "SELECT order_id || ' ' || kind FROM mails",
            messages: { order, random in
                var messages = some(
                    &random,
                    of: [
                        { confirmed(order) }, { cancelled(order) },
                        { inbound(PaymentRefunded(orderID: order, amount: money, reference: "r", at: 2)) },
                    ])
                let place = Int.random(in: 0...messages.count, using: &random)
                messages.insert(created(order, &random), at: place)
                return messages
            }),
        Group(
            name: "inventory", database: .inventory,
            handler: { InventoryHandler(mode: .orchestration, unknownSKU: .reject, topic: "t", source: "/test") },
            rows: """
                SELECT order_id || ' ' || status FROM reservations
                UNION ALL SELECT concat_ws(' ', sku, on_hand, reserved, consumed) FROM stock
                """,
            messages: { order, random in
                let sku = ["A", "A", "B", "C"].randomElement(using: &random) ?? "A"
                let reserve: @Sendable () -> InboundMessage = {
                    inbound(ReserveStock(orderID: order, items: [OrderLine(sku: sku, quantity: 1)]))
                }
                let release: @Sendable () -> InboundMessage = { inbound(ReleaseStock(orderID: order)) }
                return [Bool.random(using: &random) ? reserve() : release()]
                    + some(&random, of: [reserve, release, { confirmed(order) }])
            }),
        Group(
            name: "inventory, an order's way", database: .inventory,
            handler: { InventoryHandler(mode: .orchestration, unknownSKU: .unlimited, topic: "t", source: "/test") },
            isUsual: true, rows: "SELECT order_id || ' ' || status FROM reservations",
            messages: { order, random in
                [
                    inbound(ReserveStock(orderID: order, items: [OrderLine(sku: "X", quantity: 1)])),
                    Bool.random(using: &random) ? confirmed(order) : inbound(ReleaseStock(orderID: order)),
                ]
            }),
        Group(
            name: "payment", database: .payment,
            handler: { PaymentHandler(mode: .orchestration, topic: "t", source: "/test") },
            rows: "SELECT concat_ws(' ', order_id, status, refund_round) FROM payments",
            messages: { order, random in
                let amount = Bool.random(using: &random) ? money : free
                return some(
                    &random,
                    of: [
                        { inbound(ProcessPayment(orderID: order, userID: "u", amount: amount, paymentToken: nil)) },
                        { inbound(RefundPayment(orderID: order, reason: "r")) },
                    ])
            }),
        Group(
            name: "payment in choreography", database: .payment,
            handler: { PaymentHandler(mode: .choreography, topic: "t", source: "/test") },
            rows: "SELECT concat_ws(' ', order_id, status, refund_round) FROM payments",
            messages: { order, random in
                var messages = some(
                    &random,
                    of: [{ inbound(StockReserved(orderID: order, items: [], at: 1)) }, { cancelled(order) }])
                let place = Int.random(in: 0...messages.count, using: &random)
                messages.insert(created(order, &random), at: place)
                return messages
            }),
        Group(
            name: "payment, an order's way", database: .payment,
            handler: { PaymentHandler(mode: .orchestration, topic: "t", source: "/test") }, isUsual: true,
            rows: "SELECT concat_ws(' ', order_id, status, refund_round) FROM payments",
            messages: { order, random in
                let amount = Bool.random(using: &random) ? money : free
                return [
                    inbound(ProcessPayment(orderID: order, userID: "u", amount: amount, paymentToken: nil)),
                    inbound(RefundPayment(orderID: order, reason: "r")),
                ]
            }),
        Group(
            name: "order", database: .orders, handler: { OrderCommandHandler() },
            rows: "SELECT concat_ws(' ', stream_id, version, type) FROM events",
            messages: { order, random in
                [created(order, &random)]
                    + some(
                        &random,
                        of: [
                            { inbound(ConfirmOrder(orderID: order)) },
                            { inbound(CancelOrder(orderID: order, reason: "r")) },
                            { inbound(SendPaymentToken(orderID: order, tokenKey: tokenKey)) },
                        ])
            }),
        Group(
            name: "order outcomes", database: .orders,
            handler: { OrderOutcomeHandler(ServiceCatalogue.fulfilment.steps) },
            rows: """
                SELECT concat_ws(' ', stream_id, version, type) FROM events
                UNION ALL SELECT concat_ws(' ', order_id, status, succeeded) FROM order_outcomes
                """,
            messages: { order, random in
                var messages = some(
                    &random,
                    of: [
                        { processed(order) }, { inbound(StockReserved(orderID: order, items: [], at: 1)) },
                        { inbound(ShipmentCreated(orderID: order, shipmentID: "s", at: 1)) },
                        { inbound(PaymentFailed(orderID: order, reason: "r", at: 1)) },
                        { inbound(OrderCancellationRequested(orderID: order, reason: "r", at: 1)) },
                    ])
                let place = Int.random(in: 0...messages.count, using: &random)
                messages.insert(created(order, &random), at: place)
                return messages
            }),
    ]

    @Test(arguments: groups.indices) func copiesChangeNothing(_ index: Int) throws {
        let group = Self.groups[index]
        var random = SeededGenerator.fromEnvironment("copiesChangeNothing(\(group.name))")
        for _ in 0..<3 {
            let plain = Self.schedule(of: group, &random)
            let expected = try Self.run(plain, group, &random)
            if group.isUsual { #expect(expected.inbox == 0) }
            let outcome = try Self.run(Self.copied(plain, &random), group, &random)
            #expect(outcome.rows == expected.rows, "\(group.name), seed \(random.seed)")
            #expect(outcome.sent == expected.sent, "\(group.name), seed \(random.seed)")
        }
    }

    /// Batches with copies go to one of two processes at random, each of which remembers what it has written, and some are
    /// rolled back.
    @Test(arguments: groups.indices) func whatProcessesRememberChangesNothing(_ index: Int) throws {
        let group = Self.groups[index]
        var random = SeededGenerator.fromEnvironment("whatProcessesRememberChangesNothing(\(group.name))")
        for _ in 0..<3 {
            let plain = Self.schedule(of: group, &random)
            let expected = try Self.run(plain, group, &random)
            let outcome = try Self.run(Self.copied(plain, &random), group, processes: 2, &random)
            #expect(outcome.rows == expected.rows, "\(group.name), seed \(random.seed)")
            #expect(outcome.sent == expected.sent, "\(group.name), seed \(random.seed)")
        }
    }

    /// Rows that were written before they could remember have their messages in the inbox.
    @Test func whatWasHeardBeforeIsKnown() throws {
        let payments = try PaymentFixture()
        let charge = inbound(
            ProcessPayment(orderID: "1", userID: "u", amount: Self.free, paymentToken: nil))
        #expect(try payments.send(charge).map(\.type) == [PaymentProcessed.type])
        try payments.connection.script("UPDATE payments SET heard = NULL")
        _ = try payments.connection.execute(
            "INSERT INTO inbox (consumer_group, message_id) VALUES ('payment-group', $1)", [.text(charge.identity)])
        #expect(try payments.send(charge).isEmpty)
        // Another request is answered, once.
        let again = inbound(
            ProcessPayment(orderID: "1", userID: "u", amount: Self.free, paymentToken: nil))
        #expect(try payments.send(again, again).map(\.type) == [PaymentProcessed.type])
        #expect(try payments.send(again).isEmpty)
    }

    /// More requests than a row remembers, and ids that it doesn't keep.
    @Test func whatARowDoesNotKeepIsInTheInbox() throws {
        let payments = try PaymentFixture()
        let asked = (0..<20).map { index in
            inbound(
                ProcessPayment(orderID: "1", userID: "u", amount: Self.free, paymentToken: nil),
                id: index % 2 == 0 ? nil : "request \(index)")
        }
        for message in asked { #expect(try payments.send(message).map(\.type) == [PaymentProcessed.type]) }
        for message in asked.shuffled() { #expect(try payments.send(message).isEmpty) }
        #expect(try payments.connection.number("SELECT count(*) FROM inbox") == 12)
    }

    private static func schedule(of group: Group, _ random: inout SeededGenerator) -> [InboundMessage] {
        var orders = (0..<12).map { group.messages("\($0)", &random)[...] }
        var messages: [InboundMessage] = []
        while let next = orders.indices.filter({ !orders[$0].isEmpty }).randomElement(using: &random) {
            messages.append(orders[next].removeFirst())
        }
        return messages
    }

    /// With copies of messages anywhere behind them.
    private static func copied(_ messages: [InboundMessage], _ random: inout SeededGenerator) -> [InboundMessage] {
        var copied = messages
        for message in messages {
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                guard let first = copied.firstIndex(where: { $0.id == message.id }) else { continue }
                copied.insert(message, at: Int.random(in: (first + 1)...copied.count, using: &random))
            }
        }
        return copied
    }

    private static func run(
        _ messages: [InboundMessage], _ group: Group, processes: Int = 1, _ random: inout SeededGenerator
    ) throws -> (rows: [String], sent: [String], inbox: Int64) {
        let database = try freshDatabase(group.database.migrations)
        let members = try (0..<processes).map { _ in (group.handler(), try Connection(database, logger: quiet)) }
        let connection = members[0].1
        defer { for (_, connection) in members { connection.close() } }
        if group.database.name == "inventory" {
            for sku in ["A", "B"] {
                _ = try StockStore.set(tenant: "default", sku: sku, quantity: 4, by: .test, on: connection)
            }
        }
        var rest = messages[...]
        while !rest.isEmpty {
            let count = min(rest.count, Int.random(in: 1...9, using: &random))
            let (handler, connection) = members[Int.random(in: 0..<processes, using: &random)]
            let batch = Array(rest.prefix(count))
            if processes > 1, Int.random(in: 0..<4, using: &random) == 0 {
                // One that finds itself wrong about others is rolled back just the same.
                try? connection.transaction { connection in
                    var outbox: [OutgoingEvent] = []
                    try handler.handle(batch, on: connection, outbox: &outbox)
                    throw RolledBack()
                }
                continue
            }
            try handler.apply(batch, on: connection)
            rest.removeFirst(count)
        }
        return (
            try connection.query("\(group.rows) ORDER BY 1").map { try $0.get(0, as: String.self) },
            try connection.query("SELECT key || ' ' || type FROM outbox ORDER BY key, position")
                .map { try $0.get(0, as: String.self) },
            try connection.number("SELECT count(*) FROM inbox")
        )
    }
}
