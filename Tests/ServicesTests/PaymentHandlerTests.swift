import InventoryFacts
import Messaging
import OrderFacts
import Orders
import PaymentFacts
import Postgres
import TestServers
import Testing

@testable import OrderflowKit
@testable import Payment

@Suite(.servers) struct PaymentHandlerTests {
    /// Nothing is asked of the gateway here: what is answered at once, and what is left to be asked.
    @Test func batchWithDuplicatesAndUndoFirst() throws {
        let payments = try PaymentFixture()
        let facts = try payments.send(
            payments.charge("1"), payments.charge("1"), payments.undo("2"), payments.charge("2"), payments.charge("3"),
            payments.undo("3"), payments.undo("2"))
        #expect(
            facts.map { "\($0.orderID) \($0.type)" } == [
                "2 PaymentVoided", "2 PaymentFailed", "3 PaymentVoided", "2 PaymentVoided",
            ])
        #expect(try payments.status("1") == .charging)
        #expect(try payments.status("2") == .voided)
        #expect(try payments.status("3") == .voided)
        let claimed = try PaymentStore.claim(limit: 10, lease: .seconds(60), on: payments.connection)
        #expect(claimed.map(\.0.orderID) == ["1"])
        #expect(claimed.first?.1.process.attempts == 1)
        #expect(try PaymentStore.claim(limit: 10, lease: .seconds(60), on: payments.connection).isEmpty)
        // Claimed is as good as asked.
        #expect(try payments.send(payments.undo("1")).isEmpty)
        #expect(try payments.status("1") == .undoing)
    }

    @Test func choreographyRemembersTheTerms() throws {
        let payments = try PaymentFixture(.choreography)
        func fact(_ order: String, _ kind: FactDraft) -> InboundMessage {
            inbound(kind.of(order, at: 1))
        }
        func created(_ order: String) -> InboundMessage {
            fact(
                order,
                .orderCreated(
                    OrderCreated(
                        orderID: order, userID: "u", items: [OrderLine(sku: "A", quantity: 1)],
                        total: Money(minorUnits: 700, currency: .usd), createdAt: 1, paymentToken: "tok")))
        }
        let cancelled = FactDraft.orderCancelled(
            userID: "u", total: Money(minorUnits: 700, currency: .usd), reason: "r")
        try payments.send(created("1"), created("2"))
        #expect(try payments.status("1") == .announced)
        let facts = try payments.send(fact("1", .stockReserved(items: [])), fact("2", cancelled))
        #expect(are(facts, [.paymentVoided]))
        let claimed = try PaymentStore.claim(limit: 10, lease: .seconds(60), on: payments.connection)
        #expect(
            claimed.map(\.1.process.call) == [
                .charge(
                    PaymentProcess.Terms(
                        userID: "u", amount: Money(minorUnits: 700, currency: .usd), paymentToken: "tok"))
            ])
        // Their partitions may differ where a foreign producer announces the order.
        try payments.send(fact("3", .stockReserved(items: [])))
        #expect(try payments.status("3") == .requested)
        try payments.send(created("3"))
        #expect(try payments.status("3") == .charging)
    }

    /// An order of nothing is paid, and paid back, without a call; in both modes, and by the rules of the table.
    @Test func nothingToChargeIsAnsweredAtOnce() throws {
        let free = Money(minorUnits: 0, currency: .usd)
        let payments = try PaymentFixture()
        let charge = inbound(
            ProcessPayment(orderID: "1", userID: "u", amount: free, paymentToken: nil))
        let again = inbound(
            ProcessPayment(orderID: "1", userID: "u", amount: free, paymentToken: nil))
        #expect(
            try payments.send(charge, charge, again).map(\.type)
                == [PaymentProcessed.type, PaymentProcessed.type])
        #expect(try payments.status("1") == .charged)
        #expect(try payments.send(payments.undo("1")).map(\.type) == [PaymentRefunded.type])
        #expect(try payments.status("1") == .refunded)
        #expect(try PaymentStore.claim(limit: 10, lease: .seconds(60), on: payments.connection).isEmpty)

        let choreographed = try PaymentFixture(.choreography)
        let created = OrderCreated(
            orderID: "2", userID: "u", items: [OrderLine(sku: "A", quantity: 1)], total: free, createdAt: 1)
        let facts = try choreographed.send(
            inbound(created),
            inbound(StockReserved(orderID: "2", items: [], at: 1)))
        #expect(facts.map(\.type) == [PaymentProcessed.type])
        #expect(try PaymentStore.claim(limit: 10, lease: .seconds(60), on: choreographed.connection).isEmpty)
    }

    @Test func modesReactToDifferentTypes() throws {
        let orchestrated = try PaymentFixture().handler
        let choreographed = try PaymentFixture(.choreography).handler
        #expect(
            orchestrated.types
                == [ProcessPayment.type, RefundPayment.type, KeepPaymentToken.type, ClosePaymentWindow.type])
        #expect(
            choreographed.types
                == [
                    OrderCreated.type, StockReserved.type, OrderCancelled.type, KeepPaymentToken.type,
                    ClosePaymentWindow.type,
                ])
    }

    @Test func concurrentBeginningIsNoticed() throws {
        let payments = try PaymentFixture()
        try payments.send(payments.charge("1"))
        let entry = PaymentStore.Entry(
            process: PaymentProcess(status: .voided), cause: PaymentStore.Cause(correlationID: "", causationID: ""))
        #expect(throws: ConcurrentChange.self) {
            try payments.connection.transaction {
                try PaymentStore.save([(OrderKey(tenant: "default", orderID: "1"), entry)], on: $0)
            }
        }
        #expect(try payments.status("1") == .charging)
    }

    /// Without a leader, what a charge waits for has a time: its reminder is taken back when it comes, and fails the payment
    /// when it doesn't.
    @Test func aWindowClosesWhereNobodyLeads() throws {
        let payments = try PaymentFixture(.choreography)
        var handler = payments.handler
        handler.window = .seconds(900)
        func waiting() throws -> [String] {
            try Schedule.page(Schedule.Filter(), limit: 10, on: payments.connection).map { "\($0.type) \($0.key)" }
        }
        func reserved(_ order: String) -> InboundMessage { inbound(StockReserved(orderID: order, items: [], at: 1)) }
        func created(_ order: String) -> InboundMessage {
            inbound(
                OrderCreated(
                    orderID: order, userID: "u", items: [OrderLine(sku: "A", quantity: 1)],
                    total: PaymentFixture.amount, createdAt: 1, paymentToken: "tok"))
        }
        // Of the third everything comes in one batch: there is nothing to wait for.
        try handler.apply([reserved("1"), reserved("2"), reserved("3"), created("3")], on: payments.connection)
        #expect(try waiting() == ["ClosePaymentWindow 1", "ClosePaymentWindow 2"])
        try handler.apply([created("1")], on: payments.connection)
        #expect(try waiting() == ["ClosePaymentWindow 2"])
        let close = ["1", "2"].map { inbound(ClosePaymentWindow(orderID: $0)) }
        let facts = try handler.apply(close, on: payments.connection)
        #expect(facts.map { "\($0.orderID) \($0.type)" } == ["2 PaymentFailed"])
        #expect(try payments.status("1") == .charging)
        #expect(try payments.status("2") == .declined)
        try handler.apply([created("2")], on: payments.connection)
        #expect(try payments.status("2") == .declined)
    }
}
