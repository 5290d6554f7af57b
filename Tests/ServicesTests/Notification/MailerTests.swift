import Execution
import Messaging
import OrderFacts
import Orders
import Outbound
import Postgres
import TestServers
import Testing

@testable import Notification
@testable import OrderflowKit

@Suite(.blocking, .servers) struct MailerTests {
    private let database: PostgresConfiguration
    private let connection: Connection
    private let breaker: CircuitBreaker
    private let stop = StopSignal()
    private let sent = Monitor(0)
    private let desk = MailDesk()

    /// Opens at the second failure in a row, and stays open.
    init() throws {
        database = try freshDatabase(ServiceDatabase.notification.migrations)
        connection = try Connection(database, logger: quiet)
        breaker = CircuitBreaker(name: "mail", threshold: 2, cooldown: .seconds(3600))
    }

    private func add(_ recipients: [String]) throws {
        try MailStore.add(
            recipients.enumerated().map { index, recipient in
                MailStore.Intent(
                    key: OrderKey(tenant: "default", orderID: "\(index)"), kind: "order-confirmed",
                    recipient: recipient, subject: "s", body: "b", messageID: "\(index)@test", correlationID: "c",
                    causationID: "c", traceparent: nil)
            }, on: connection)
    }

    /// Runs a mailer until `condition`.
    private func run(
        _ answer: @escaping @Sendable () throws(MailError) -> Void, settleEvery: Duration = .milliseconds(250),
        poll: Duration = .milliseconds(50), until what: String, _ condition: () throws -> Bool
    ) throws {
        var configuration = Mailer.Configuration(from: "shop@test")
        configuration.settleEvery = settleEvery
        configuration.poll = poll
        let ended = Monitor(false)
        let mailer = Mailer(
            configuration, database: database, topic: "t", source: "test", breaker: breaker, desk: desk, logger: quiet,
            onCommit: {},
            transport: { [sent] () throws(MailError) in
                Transport {
                    () throws(MailError) in
                    sent.update { $0 += 1 }
                    try answer()
                }
            })
        DedicatedThread.start("mailer") { [stop] in
            try? mailer.run(until: stop)
            ended.update { $0 = true }
        }
        defer {
            stop.stop()
            _ = ended.wait(for: .seconds(20)) { $0 ? true : nil }
        }
        try eventually(what, condition)
    }

    private final class Transport: MailTransport {
        private let answer: @Sendable () throws(MailError) -> Void

        init(_ answer: @escaping @Sendable () throws(MailError) -> Void) { self.answer = answer }

        func send(_ mail: MailMessage) throws(MailError) { try answer() }
    }

    /// One that has waited for too long is told of as expired, once, as is one that was too old when it was asked for.
    @Test func whatIsOfNoUseIsNotSent() throws {
        try add(["a@test", "b@test"])
        _ = try connection.execute(
            "UPDATE mails SET expires_at = now() + CASE order_id WHEN '0' THEN -interval '1 s' ELSE interval '1 h' END")
        try run({}, until: "the other one is sent") {
            try connection.number("SELECT count(*) FROM mails WHERE status IN ('sent', 'expired')") == 2
        }
        #expect(sent.withLock { $0 } == 1)
        let total = Money(minorUnits: 1, currency: .usd)
        let order = OrderCreated(
            orderID: "old", userID: "u", items: [OrderLine(sku: "A", quantity: 1)], total: total, createdAt: 1)
        let handler = NotificationHandler(
            recipientDomain: "d.test", messageDomain: "m", expiresAfter: .seconds(3600), desk: desk)
        let facts = [inbound(order), inbound(OrderConfirmed(orderID: "old", userID: "u", total: total, at: 1))]
        #expect(try handler.apply(facts + facts, on: connection).map(\.type) == ["NotificationExpired"])
        #expect(try connection.query("SELECT FROM mails WHERE order_id = 'old' AND status = 'expired'").count == 1)
        #expect(
            try connection.outboxFacts().map { "\($0.orderID) \($0.type)" }.sorted()
                == ["0 NotificationExpired", "1 NotificationSent", "old NotificationExpired"])
    }

    /// What a consumer commits is claimed with it and sent without a look into the table, where nobody looks for an hour;
    /// what it rolls back isn't sent.
    @Test func committedMailsAreHandedOver() throws {
        struct Boom: Error {}
        let handler = NotificationHandler(recipientDomain: "d.test", messageDomain: "m", desk: desk)
        func facts(_ order: String) -> [InboundMessage] {
            let total = Money(minorUnits: 1, currency: .usd)
            return [
                inbound(
                    OrderCreated(
                        orderID: order, userID: "u", items: [OrderLine(sku: "A", quantity: 1)], total: total,
                        createdAt: 1)),
                inbound(OrderConfirmed(orderID: order, userID: "u", total: total, at: 1)),
            ]
        }
        var isHanded = false
        try run({}, poll: .seconds(3600), until: "the second order's mail is sent") {
            if !isHanded {
                let places = desk.reserve(1)
                desk.free(places)
                guard places == 1 else { return false }
                isHanded = true
                #expect(throws: Boom.self) {
                    try connection.transaction { connection in
                        var outbox: [OutgoingEvent] = []
                        try handler.handle(facts("1"), on: connection, outbox: &outbox)
                        throw Boom()
                    }
                }
                try handler.apply(facts("2") + facts("2"), on: connection)
            }
            return try connection.number("SELECT count(*) FROM mails WHERE status = 'sent' AND attempts = 1") == 1
        }
        #expect(sent.withLock { $0 } == 1)
        #expect(try connection.outboxFacts().count == 1)
        #expect(try connection.number("SELECT count(*) FROM mails") == 1)
    }

    /// A process that dies with mails that it has claimed in its commit.
    @Test func mailsOfTheDeadAreDueAgain() throws {
        let dead = MailDesk(lease: .milliseconds(100))
        dead.take(true)
        let handler = NotificationHandler(recipientDomain: "d.test", messageDomain: "m", desk: dead)
        let total = Money(minorUnits: 1, currency: .usd)
        try handler.apply(
            [
                inbound(
                    OrderCreated(
                        orderID: "1", userID: "u", items: [OrderLine(sku: "A", quantity: 1)], total: total,
                        createdAt: 1)),
                inbound(OrderConfirmed(orderID: "1", userID: "u", total: total, at: 1)),
            ], on: connection)
        #expect(try connection.number("SELECT sum(attempts)::bigint FROM mails") == 1)
        try run({}, until: "it is sent") {
            try connection.number("SELECT count(*) FROM mails WHERE status = 'sent'") == 1
        }
        #expect(sent.withLock { $0 } == 1)
    }

    /// However long an outage lasts: only the mail that was tried has a try less.
    @Test func anOutageIsNoTryOfMailsThatStandBehind() throws {
        breaker.failed()
        try add((0..<20).map { "c\($0)@test" })
        try run({ () throws(MailError) in throw .transient("away") }, until: "all but one are back") {
            try connection.number(
                """
                SELECT count(*) FROM mails WHERE status = 'pending' AND attempts = 0 AND next_attempt_at <= now()
                """) == 19
        }
        #expect(breaker.state == .open)
        #expect(sent.withLock { $0 } == 1)
        #expect(try connection.number("SELECT sum(attempts)::bigint FROM mails WHERE status = 'pending'") == 1)
    }

    @Test func aRefusedMailEndsAloneAndTheOthersGo() throws {
        try add(["a@test", "not an address", "b@test"])
        try run({}, until: "all are settled") {
            try connection.number("SELECT count(*) FROM mails WHERE status <> 'pending'") == 3
        }
        #expect(try connection.number("SELECT count(*) FROM mails WHERE status = 'sent'") == 2)
        #expect(try connection.outboxFacts().count == 2)
    }

    @Test func aMailThatIsPutOffStandsBackAlone() throws {
        try add(["a@test", "b@test", "c@test"])
        let calls = Monitor(0)
        try run(
            { () throws(MailError) in
                if calls.update({
                    $0 += 1; return $0
                }) == 2 {
                    throw .deferred("greylisted")
                }
            }, until: "the others are sent"
        ) {
            try connection.number("SELECT count(*) FROM mails WHERE status = 'sent'") == 2
        }
        #expect(breaker.state == .closed)
        #expect(
            try connection.number(
                "SELECT count(*) FROM mails WHERE status = 'pending' AND attempts = 1 AND error LIKE '%greylisted%'")
                == 1)
    }

    @Test func aServerThatPutsOffEveryMailIsLeftAlone() throws {
        try add((0..<20).map { "c\($0)@test" })
        try run({ () throws(MailError) in throw .deferred("try again later") }, until: "the rest is back after three") {
            let calls = Int64(sent.withLock { $0 })
            let free = try connection.number(
                "SELECT count(*) FROM mails WHERE attempts = 0 AND next_attempt_at <= now()")
            return calls > 0 && calls % 3 == 0 && free == 20 - calls
        }
    }

    /// What is sent is on record before much more is sent: little is sent twice after a crash.
    @Test func aSlowServersMailsAreSettledOnTheWay() throws {
        try add(["a@test", "b@test"])
        let seen = Monitor<[Int64]>([])
        let database = database
        try run(
            { () throws(MailError) in
                let count = try? Connection(database, logger: quiet)
                    .number("SELECT count(*) FROM mails WHERE status = 'sent'")
                seen.update { $0.append(count ?? -1) }
            }, settleEvery: .zero, until: "both are sent"
        ) {
            try connection.number("SELECT count(*) FROM mails WHERE status = 'sent'") == 2
        }
        #expect(seen.withLock { $0 } == [0, 1])
    }

    /// A mailer that was frozen for longer than its lease must not touch what another has claimed.
    @Test func aLateMailerLeavesTheNextOnesClaimAlone() throws {
        try add(["a@test"])
        let late = try MailStore.claim(limit: 10, lease: .zero, on: connection)
        let next = try MailStore.claim(limit: 10, lease: .seconds(60), on: connection)
        #expect(late.count == 1 && next.count == 1)
        try MailStore.giveBack(late, on: connection)
        try MailStore.markFailed(late[0], error: "late", retryAfter: nil, on: connection)
        #expect(try MailStore.claim(limit: 10, lease: .zero, on: connection).isEmpty)
        try MailStore.giveBack(next, on: connection)
        #expect(try MailStore.claim(limit: 10, lease: .zero, on: connection).map(\.attempts) == [2])
    }

    /// Empty rounds and a mail that is refused before anybody is asked tell nothing of the server.
    @Test func onlySendsMoveTheBreaker() throws {
        breaker.failed()
        try add(["not an address"])
        try run({}, until: "it is given up") {
            try connection.number("SELECT count(*) FROM mails WHERE status = 'failed'") == 1
        }
        #expect(sent.withLock { $0 } == 0)
        #expect(breaker.state == .closed)
        // The failure before still counts: nothing has answered since.
        breaker.failed()
        #expect(breaker.state == .open)
    }
}

@Suite struct TrialCallTests {
    /// A trial that wasn't made is the next one's; without that nobody would ever try again.
    @Test func anAbandonedTrialIsFreeAgain() throws {
        let breaker = CircuitBreaker(name: "x", threshold: 1, cooldown: .zero)
        breaker.failed()
        try breaker.permit()
        #expect(throws: CircuitBreaker.Open.self) { try breaker.permit() }
        breaker.abandoned()
        #expect(breaker.state == .open)
        try breaker.permit()
        breaker.succeeded()
        #expect(breaker.state == .closed)
    }
}
