import Messaging
import Orders
import Postgres
import TestServers
import Testing

@testable import Notification
@testable import OrderflowKit

/// A foreign producer's partitioner may bring an order's outcome to us before its announcement.
@Suite(.blocking, .servers) struct EarlyMailTests {
    private let database: PostgresConfiguration
    private let connection: Connection
    private let handler = NotificationHandler(recipientDomain: "customers.test", messageDomain: "test")
    private static let total = Money(minorUnits: 1_250, currency: .usd)

    init() throws {
        database = try freshDatabase(ServiceDatabase.notification.migrations)
        connection = try Connection(database, logger: quiet)
    }

    private func created(_ id: String) -> InboundMessage { ServicesTests.created(id, total: Self.total) }

    private func mails() throws -> [String] {
        try connection.query("SELECT kind, recipient, body FROM mails ORDER BY id").map { row in
            let lines = try row.get(2, as: String.self)
            return "\(try row.get(0, as: String.self)) to \(try row.get(1, as: String.self)): "
                + "\(lines.contains("12.50 USD") ? "12.50" : lines.contains("3.00 USD") ? "3.00" : lines)"
        }
    }

    @Test func mailsWaitForTheirContact() throws {
        let cancelled = FactDraft.orderCancelled(userID: "alice", total: Self.total, reason: "no")
        let refunded = FactDraft.paymentRefunded(
            amount: Money(minorUnits: 300, currency: .usd), reference: "r")
        try handler.apply([fact("1", cancelled), fact("1", refunded), fact("1", cancelled)], on: connection)
        #expect(try mails() == [])
        try handler.apply([created("1"), created("1")], on: connection)
        let expected = [
            "order-cancelled to alice@customers.test: 12.50", "payment-refunded to alice@customers.test: 3.00",
        ]
        #expect(try mails().sorted() == expected)
        try handler.apply([created("1"), fact("1", cancelled)], on: connection)
        #expect(try mails().sorted() == expected)
        #expect(try connection.number("SELECT count(*) FROM early_mails") == 0)
    }

    /// A rebuild of the contacts drops rows that only wait.
    @Test func theRowThatMailsWaitByMayGo() throws {
        let cancelled = fact("1", .orderCancelled(userID: "alice", total: Self.total, reason: "no"))
        try handler.apply([cancelled], on: connection)
        try connection.script("DELETE FROM contacts WHERE recipient = ''")
        try handler.apply([created("1")], on: connection)
        #expect(try mails() == ["order-cancelled to alice@customers.test: 12.50"])
    }

    /// Two daemons, one with the contact and one with the mail, in every order in which they can meet.
    @Test func neitherMissesTheOther() throws {
        let ids = (0..<60).map { "\($0)" }
        let created = ids.map { self.created($0) }
        let confirmed = ids.map { fact($0, .orderConfirmed(userID: "alice", total: Self.total)) }
        #expect(handler.meet([created, confirmed.reversed()], in: database))
        #expect(try connection.number("SELECT count(*) FROM mails") == 60)
    }
}
