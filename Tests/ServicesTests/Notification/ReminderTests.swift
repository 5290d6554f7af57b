import Execution
import Messaging
import NotificationFacts
import OrderFacts
import Orders
import Postgres
import TestServers
import Testing

@testable import Notification
@testable import OrderflowKit

/// Reminders of orders that will be placed: one an order, and none of an order that was withdrawn.
@Suite(.blocking, .servers) struct ReminderTests {
    private let connection: Connection

    init() throws { connection = try Connection(freshDatabase(ServiceDatabase.notification.migrations), logger: quiet) }

    private func scheduled(_ order: String, in seconds: Int64) -> InboundMessage {
        let now = WallClock.nowMicroseconds()
        return inbound(
            OrderScheduled(
                orderID: order, userID: "alice", items: [OrderLine(sku: "A", quantity: 1)],
                total: Money(minorUnits: 500, currency: .usd), at: now, placeAt: now + seconds * 1_000_000))
    }

    private func waiting() throws -> [String] {
        try Schedule.page(Schedule.Filter(), limit: 100, on: connection).map { "\($0.type) \($0.key)" }
    }

    private func mails() throws -> [String] {
        try connection.query("SELECT order_id || ' ' || kind || ' ' || status FROM mails ORDER BY id")
            .map { try $0.get(0, as: String.self) }
    }

    @Test func customersAreRemindedOnceAndInTime() throws {
        var handler = NotificationHandler(recipientDomain: "d.test", messageDomain: "m")
        try handler.apply([scheduled("nobody", in: 7_200)], on: connection)
        #expect(try waiting().isEmpty)
        handler.reminders.before = .seconds(3_600)
        let (a, b, soon) = (scheduled("a", in: 7_200), scheduled("b", in: 7_300), scheduled("soon", in: 60))
        try handler.apply([a, b, a, soon], on: connection)
        try handler.apply([a], on: connection)
        #expect(try waiting() == ["OrderReminderDue a", "OrderReminderDue b"])
        try handler.apply([inbound(OrderWithdrawn(orderID: "b", reason: "r", at: 1))], on: connection)
        #expect(try waiting() == ["OrderReminderDue a"])
        // What is on its way when the order is withdrawn reminds nobody; a copy reminds nobody again.
        try handler.apply([b], on: connection)
        let due = ["a", "b"].map { inbound(OrderReminderDue(orderID: $0, placeAt: 1_767_225_600_000_000, at: 1)) }
        try handler.apply(due + due, on: connection)
        #expect(try mails() == ["a order-reminder pending"])
        let body = try connection.query("SELECT body FROM mails").one().get(0, as: String.self)
        #expect(body.contains("will be placed at 2026-01-01T00:00:00") && body.contains("5.00 USD"))
    }
}
