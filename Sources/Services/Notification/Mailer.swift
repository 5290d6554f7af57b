import Execution
import Logging
import Messaging
import Metrics
import Orders
import Outbound
import Postgres

/// Sends what `NotificationHandler` intends. Any number may run: each claims due mails for a while, and a mail whose
/// sender died is due again when its lease is over.
///
/// A mail is sent at least once: a process that dies between the server's word and its own commit sends it again, with
/// the same Message-ID. Its `NotificationSent` is told exactly once, by whoever marks it sent.
final class Mailer: Sendable {
    struct Configuration: Sendable {
        var from: String
        /// Mails claimed at once.
        var batch = 200
        var lease: Duration = .seconds(60)
        /// Tries before a mail that keeps failing is given up, about two days with the capped back-off.
        var attempts = 60
        var poll: Duration = .milliseconds(200)
    }

    private let configuration: Configuration
    private let database: PostgresConfiguration
    private let topic: String
    private let source: String
    private let transport: @Sendable () throws -> any MailTransport
    private let breaker: CircuitBreaker
    private let logger: Logger
    private let onCommit: @Sendable () -> Void
    private let signal = Monitor(false)
    private let sent = Counter(label: "orderflow_mails_total", dimensions: [("outcome", "sent")])
    private let failed = Counter(label: "orderflow_mails_total", dimensions: [("outcome", "failed")])

    init(
        _ configuration: Configuration, database: PostgresConfiguration, topic: String, source: String,
        breaker: CircuitBreaker, logger: Logger, onCommit: @escaping @Sendable () -> Void,
        transport: @escaping @Sendable () throws -> any MailTransport
    ) {
        self.configuration = configuration
        self.database = database
        self.topic = topic
        self.source = source
        self.breaker = breaker
        self.logger = logger
        self.onCommit = onCommit
        self.transport = transport
    }

    /// Tells the mailer that there is something to send.
    func wake() { signal.update { $0 = true } }

    func run(until stop: StopSignal) throws {
        stop.onStop { [signal] in signal.update { $0 = true } }
        let connection = ReconnectingConnection(database, name: "mailer", stop: stop, logger: logger)
        var pause = Backoff(base: .milliseconds(200), cap: .seconds(10))
        var mail: (any MailTransport)?
        while !stop.isStopped {
            do {
                try breaker.permit()
                let open = try mail ?? transport()
                mail = open
                let count = try connection.run { try round(on: $0, through: open, until: stop) }
                pause.reset()
                if count == 0 {
                    _ = signal.wait(for: configuration.poll) { flag -> Bool? in
                        defer { flag = false }
                        return flag ? true : nil
                    }
                }
            } catch let open as CircuitBreaker.Open {
                stop.wait(for: min(open.retryAfter, .seconds(1)))
            } catch {
                if stop.isStopped { break }
                breaker.failed()
                logger.warning("mailer interrupted", metadata: ["error": "\(error)"])
                stop.wait(for: pause.next())
            }
        }
    }

    /// Claims, sends and settles one batch. Returns how many were claimed.
    private func round(on connection: Connection, through mail: any MailTransport, until stop: StopSignal) throws -> Int
    {
        let claimed = try MailStore.claim(limit: configuration.batch, lease: configuration.lease, on: connection)
        var done: [MailStore.Mail] = []
        var outage: MailError?
        for item in claimed {
            if stop.isStopped || outage != nil {
                // Give it back at once: nobody should wait for a lease that nobody uses.
                try MailStore.markFailed(
                    item.id, error: outage.map { "\($0)" } ?? "shutdown", retryAfter: .zero, on: connection)
                continue
            }
            do throws(MailError) {
                try mail.send(try message(item))
                done.append(item)
            } catch {
                failed.increment()
                logger.warning(
                    "mail not sent",
                    metadata: [
                        "order_id": "\(item.key.orderID)", "tenant": "\(item.key.tenant)",
                        "correlation_id": "\(item.correlationID)", "kind": "\(item.kind)", "error": "\(error)",
                    ])
                var retryAfter: Duration? = Backoff.delay(
                    attempt: item.attempts, base: .seconds(1), cap: .seconds(3600))
                if case .permanent = error { retryAfter = nil } else { outage = error }
                if item.attempts >= configuration.attempts { retryAfter = nil }
                try MailStore.markFailed(item.id, error: "\(error)", retryAfter: retryAfter, on: connection)
            }
        }
        try settle(done, on: connection)
        if outage == nil { breaker.succeeded() } else { breaker.failed() }
        return claimed.count
    }

    private func settle(_ mails: [MailStore.Mail], on connection: Connection) throws {
        guard !mails.isEmpty else { return }
        try connection.transaction { connection in
            let mine = try MailStore.markSent(mails.map(\.id), on: connection)
            let now = WallClock.nowMicroseconds()
            try Outbox.append(
                mails.filter { mine.contains($0.id) }.map { mail in
                    let fact = OrderFact(
                        orderID: mail.key.orderID, at: now,
                        .notificationSent(kind: mail.kind, recipient: mail.recipient, messageID: mail.messageID))
                    return OutgoingEvent(
                        topic: topic, key: mail.key.orderID, type: fact.kind.type, payload: fact.payload(),
                        metadata: EventMetadata(
                            id: UUIDText.v7(microseconds: now), source: source, time: now, tenant: mail.key.tenant,
                            correlationID: mail.correlationID, causationID: mail.causationID,
                            traceparent: mail.traceparent))
                }, on: connection)
        }
        sent.increment(by: mails.count)
        onCommit()
    }

    private func message(_ mail: MailStore.Mail) throws(MailError) -> MailMessage {
        do {
            return try MailMessage(
                messageID: mail.messageID, from: configuration.from, to: mail.recipient, subject: mail.subject,
                body: mail.body, date: mail.createdAt)
        } catch {
            throw .permanent("\(error)")
        }
    }
}
