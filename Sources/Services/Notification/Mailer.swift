import Execution
import Logging
import Messaging
import Metrics
import NotificationFacts
import Orders
import Outbound
import Postgres
import Telemetry

/// Sends what `NotificationHandler` intends. Any number may run: each claims due mails for a while, and a mail whose
/// sender died is due again when its lease is over.
///
/// A mail is sent at least once: a process that dies between the server's word and its own commit sends it again, with
/// the same Message-ID. Its `NotificationSent` is published exactly once, by the process that marks it sent.
final class Mailer: Sendable {
    struct Configuration: Sendable {
        var from: String
        /// Mails claimed at once.
        var batch = 200
        /// How long claimed mails are nobody else's. No send is begun after a third of it: the last one, which may
        /// take its transport's whole time limit (30 s), and its settlement must end within it.
        var lease: Duration = .seconds(60)
        /// How long a sent mail may stay unsettled while more are sent: what a crash sends again.
        var settleEvery: Duration = .milliseconds(250)
        /// Mails in a row that the server puts off before it counts as away.
        var deferrals = 3
        /// Tries before a mail that keeps failing is given up, about two days with the capped back-off.
        var attempts = 60
        /// From one look for what is due to the next where nobody wakes it.
        var poll: Duration = .seconds(1)
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
    private let traces = Traces.current
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
                let count = try round(on: connection, through: open, call, until: stop)
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
        on connection: ReconnectingConnection, through mail: any MailTransport, _ call: PermittedCall,
        until stop: StopSignal
    ) throws -> Int {
        let begin = ContinuousClock.now
        let claimed = try connection.run {
            try MailStore.claim(limit: configuration.batch, lease: configuration.lease, on: $0)
        }
        var rest = claimed[...]
        var done: [MailStore.Mail] = []
        var settled = begin
        var deferrals = 0
        while var item = rest.first, !stop.isStopped, ContinuousClock.now < begin + configuration.lease / 3 {
            rest.removeFirst()
            let span = span(of: item)
            if let span { item.traceparent = span.traceparent }
            do throws(MailError) {
                let message = try message(item)
                try call.make { () throws(MailError) in try mail.send(message) }
                span?.end()
                done.append(item)
                deferrals = 0
            } catch {
                span?.fail("mail", "\(error)")
                span?.end()
                // What is sent is noted first: were it lost, it would be sent again.
                try settle(&done, on: connection)
                try putBack(item, after: error, on: connection)
                if case .deferred = error { deferrals += 1 }
                if error.isOfTheServer || deferrals >= configuration.deferrals { break }
            }
            if ContinuousClock.now >= settled + configuration.settleEvery {
                try settle(&done, on: connection)
                settled = .now
            }
        }
        try settle(&done, on: connection)
        // At once: nobody should wait for a lease that nobody uses, and an outage is no try of mails that stood behind.
        try connection.run { try MailStore.giveBack(rest, on: $0) }
        if deferrals >= configuration.deferrals { throw MailError.deferred("\(deferrals) mails in a row") }
        return claimed.count
    }

    private func span(of mail: MailStore.Mail) -> ActiveSpan? {
        traces?.continue(
            "send mail", .client, under: mail.traceparent,
            attributes: [
                "orderflow.order_id": .string(mail.key.orderID), "orderflow.tenant": .string(mail.key.tenant),
                "orderflow.mail.kind": .string(mail.kind), "orderflow.mail.id": .string(mail.messageID),
                "orderflow.attempt": .int64(Int64(mail.attempts)),
            ])
    }

    private func putBack(
        _ mail: MailStore.Mail, after error: MailError, on connection: ReconnectingConnection
    ) throws {
        failed.increment()
        logger.warning(
            "mail not sent",
            metadata: mail.logFields.merging(["error": "\(error)"]) { $1 })
        var retryAfter: Duration? = Backoff.delay(attempt: mail.attempts, base: .seconds(1), cap: .seconds(3600))
        if case .permanent = error { retryAfter = nil }
        if mail.attempts >= configuration.attempts { retryAfter = nil }
        try connection.runRetrying {
            try MailStore.markFailed(mail, error: "\(error)", retryAfter: retryAfter, on: $0)
        }
    }

    /// Notes what is sent, however long the database is away: a mail forgotten here is sent again. Safe to repeat, since
    /// only a pending mail is marked and told of.
    private func settle(_ mails: inout [MailStore.Mail], on connection: ReconnectingConnection) throws {
        guard !mails.isEmpty else { return }
        let sentMails = mails
        try connection.runRetrying(repeatingUnknownCommits: true) { connection in
            try connection.transaction { connection in
                let mine = try MailStore.markSent(sentMails.map(\.id), on: connection)
                let now = WallClock.nowMicroseconds()
                try Outbox.append(
                    sentMails.filter { mine.contains($0.id) }.map { try told($0, at: now) }, on: connection)
            }
        }
        sent.increment(by: mails.count)
        for mail in mails { logger.debug("mail sent", metadata: mail.logFields) }
        mails.removeAll(keepingCapacity: true)
        onCommit()
    }

    private func told(_ mail: MailStore.Mail, at now: Int64) throws -> OutgoingEvent {
        let fact = NotificationSent(
            orderID: mail.key.orderID, kind: mail.kind, recipient: mail.recipient, messageID: mail.messageID, at: now)
        return try OutgoingEvent(
            fact, topic: topic,
            metadata: EventMetadata(
                id: UUIDText.v7(microseconds: now), source: source, time: now, tenant: mail.key.tenant,
                correlationID: mail.correlationID, causationID: mail.causationID, traceparent: mail.traceparent))
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

extension MailStore.Mail {
    fileprivate var logFields: Logger.Metadata {
        let fields: Logger.Metadata = [
            "order_id": "\(key.orderID)", "tenant": "\(key.tenant)", "correlation_id": "\(correlationID)",
            "kind": "\(kind)",
        ]
        return fields.merging(TraceContext.logFields(traceparent)) { $1 }
    }
}
