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
    private let transport: @Sendable () throws(MailError) -> any MailTransport
    private let breaker: CircuitBreaker
    private let logger: Logger
    private let onCommit: @Sendable () -> Void
    private let signal = Monitor(false)
    private let sent = Counter(label: "orderflow_mails_total", dimensions: [("outcome", "sent")])
    private let failed = Counter(label: "orderflow_mails_total", dimensions: [("outcome", "failed")])

    init(
        _ configuration: Configuration, database: PostgresConfiguration, topic: String, source: String,
        breaker: CircuitBreaker, logger: Logger, onCommit: @escaping @Sendable () -> Void,
        transport: @escaping @Sendable () throws(MailError) -> any MailTransport
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
                let call = PermittedCall(breaker)
                defer { call.end() }
                let open = try mail ?? call.prepare(transport)
                mail = open
                let count = try connection.run { try round(on: $0, through: open, call, until: stop) }
                pause.reset()
                if count == 0 {
                    call.end()
                    _ = signal.wait(for: configuration.poll) { flag -> Bool? in
                        defer { flag = false }
                        return flag ? true : nil
                    }
                }
            } catch let open as CircuitBreaker.Open {
                stop.wait(for: min(open.retryAfter, .seconds(1)))
            } catch {
                if stop.isStopped { break }
                logger.warning("mailer interrupted", metadata: ["error": "\(error)"])
                stop.wait(for: pause.next())
            }
        }
    }

    /// Claims, sends and settles one batch. Returns how many were claimed.
    private func round(
        on connection: Connection, through mail: any MailTransport, _ call: PermittedCall, until stop: StopSignal
    ) throws -> Int {
        let claimed = try MailStore.claim(limit: configuration.batch, lease: configuration.lease, on: connection)
        var done: [MailStore.Mail] = []
        var refused: [(mail: MailStore.Mail, error: MailError)] = []
        var isAway = false
        for item in claimed {
            if stop.isStopped || isAway { break }
            do throws(MailError) {
                let message = try message(item)
                try call.make { () throws(MailError) in try mail.send(message) }
                done.append(item)
            } catch {
                refused.append((item, error))
                if case .permanent = error { continue }
                isAway = true
            }
        }
        // What is sent is noted first: were it lost, it would be sent again.
        try settle(done, on: connection)
        for (item, error) in refused { try putBack(item, after: error, on: connection) }
        // At once: nobody should wait for a lease that nobody uses, and an outage is no try of mails that stood behind.
        try MailStore.giveBack(claimed.dropFirst(done.count + refused.count).map(\.id), on: connection)
        return claimed.count
    }

    private func putBack(_ mail: MailStore.Mail, after error: MailError, on connection: Connection) throws {
        failed.increment()
        logger.warning(
            "mail not sent",
            metadata: [
                "order_id": "\(mail.key.orderID)", "tenant": "\(mail.key.tenant)",
                "correlation_id": "\(mail.correlationID)", "kind": "\(mail.kind)", "error": "\(error)",
            ])
        var retryAfter: Duration? = Backoff.delay(attempt: mail.attempts, base: .seconds(1), cap: .seconds(3600))
        if case .permanent = error { retryAfter = nil }
        if mail.attempts >= configuration.attempts { retryAfter = nil }
        try MailStore.markFailed(mail.id, error: "\(error)", retryAfter: retryAfter, on: connection)
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

/// What a mailer tells the breaker: of the mail server alone. An empty queue or a lost database says nothing about it.
private final class PermittedCall {
    private let breaker: CircuitBreaker
    private var isOpen = true

    init(_ breaker: CircuitBreaker) { self.breaker = breaker }

    /// To have a transport is no answer of the server's yet; to get none is a failure.
    func prepare<Result>(_ body: () throws(MailError) -> Result) throws(MailError) -> Result {
        do throws(MailError) {
            return try body()
        } catch {
            isOpen = false
            breaker.failed()
            throw error
        }
    }

    /// A refusal of one mail is an answer, too.
    func make<Result>(_ body: () throws(MailError) -> Result) throws(MailError) -> Result {
        isOpen = false
        do throws(MailError) {
            let result = try body()
            breaker.succeeded()
            return result
        } catch {
            if case .permanent = error { breaker.succeeded() } else { breaker.failed() }
            throw error
        }
    }

    /// Without a word to the server, the trial is somebody else's.
    func end() {
        if isOpen { breaker.abandoned() }
        isOpen = false
    }
}
