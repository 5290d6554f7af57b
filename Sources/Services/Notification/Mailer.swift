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
        /// How long a sent mail may stay unsettled while more are sent: what a crash sends again.
        var settleEvery: Duration = .milliseconds(250)
        /// Mails in a row that the server puts off before it counts as away.
        var deferrals = 3
        /// Tries before a mail that keeps failing is given up, about two days with the capped back-off.
        var attempts = 60
        /// From one look for what is due to the next where nobody wakes it.
        var poll: Duration = .seconds(1)
        /// Least time between two batches of a mailer: mails that come meanwhile are sent and noted together. The first
        /// after a quiet time doesn't wait.
        var pace: Duration = .milliseconds(100)
    }

    private let configuration: Configuration
    private let database: PostgresConfiguration
    private let topic: String
    private let source: String
    private let transport: @Sendable () throws(MailError) -> any MailTransport
    private let breaker: CircuitBreaker
    private let logger: Logger
    private let onCommit: @Sendable () -> Void
    private let desk: MailDesk
    private let traces = Traces.current
    private let sent = Counter(label: "orderflow_mails_total", dimensions: [("outcome", "sent")])
    private let expired = Counter(label: "orderflow_mails_total", dimensions: [("outcome", "expired")])
    private let failed = Counter(label: "orderflow_mails_total", dimensions: [("outcome", "failed")])

    init(
        _ configuration: Configuration, database: PostgresConfiguration, topic: String, source: String,
        breaker: CircuitBreaker, desk: MailDesk = MailDesk(), logger: Logger,
        onCommit: @escaping @Sendable () -> Void,
        transport: @escaping @Sendable () throws(MailError) -> any MailTransport
    ) {
        self.configuration = configuration
        self.database = database
        self.topic = topic
        self.source = source
        self.breaker = breaker
        self.desk = desk
        self.logger = logger
        self.onCommit = onCommit
        self.transport = transport
    }

    func run(until stop: StopSignal) throws {
        stop.onStop { [desk] in desk.wake() }
        let connection = ReconnectingConnection(database, name: "mailer", stop: stop, logger: logger)
        var pause = Backoff(base: .milliseconds(200), cap: .seconds(10))
        var mail: (any MailTransport)?
        var begin = ContinuousClock.now
        while !stop.isStopped {
            desk.take(breaker.state == .closed)
            var work = desk.next(configuration.batch, from: begin, poll: configuration.poll)
            begin = .now + configuration.pace
            if stop.isStopped {
                giveBack(work.mails, on: connection)
                break
            }
            do {
                try breaker.permit()
                let call = PermittedCall(breaker)
                defer { call.end() }
                let open = try mail ?? call.prepare(transport)
                mail = open
                let mails = work.mails
                work.mails = []
                try round(
                    mails, looks: work.mayBeDue, on: connection, through: open, call, until: stop)
                pause.reset()
            } catch {
                desk.take(false)
                giveBack(work.mails, on: connection)
                if stop.isStopped { break }
                if let open = error as? CircuitBreaker.Open {
                    stop.wait(for: min(open.retryAfter, .seconds(1)))
                } else {
                    logger.warning("mailer interrupted", metadata: ["error": "\(error)"])
                    stop.wait(for: pause.next())
                }
            }
        }
        desk.take(false)
        let left = desk.next(.max, from: .now, poll: .zero).mails
        giveBack(left, on: connection)
    }

    /// At once: nobody should wait for a lease that nobody uses.
    private func giveBack(_ mails: [MailDesk.Claimed], on connection: ReconnectingConnection) {
        guard !mails.isEmpty else { return }
        do {
            try connection.run { try MailStore.giveBack(mails.map(\.mail), on: $0) }
            desk.noteMore()
        } catch {
            logger.warning("mails not given back", metadata: ["error": "\(error)", "mails": "\(mails.count)"])
        }
    }

    /// Sends and settles one batch: what was handed over, and with `looks` what is due in the table.
    private func round(
        _ handed: [MailDesk.Claimed], looks: Bool, on connection: ReconnectingConnection,
        through mail: any MailTransport, _ call: PermittedCall, until stop: StopSignal
    ) throws {
        let begin = ContinuousClock.now
        var rest = handed[...]
        let room = configuration.batch - handed.count
        if looks, room > 0 {
            let due = try claim(room, besides: handed.count, on: connection)
            try expire(due.filter { $0.expiredAt != nil }, on: connection)
            rest += due.filter { $0.expiredAt == nil }.map {
                MailDesk.Claimed(mail: $0, sendBy: begin + desk.lease / 3)
            }
            if due.count == room { desk.noteMore() }
        } else if looks {
            desk.noteMore()
        }
        var done: [MailStore.Mail] = []
        var settled = begin
        var deferrals = 0
        while let next = rest.first, !stop.isStopped, ContinuousClock.now < next.sendBy {
            var item = next.mail
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
        // An outage is no try of mails that stood behind.
        giveBack(Array(rest), on: connection)
        if deferrals >= configuration.deferrals { throw MailError.deferred("\(deferrals) mails in a row") }
    }

    /// What was handed over is sent even if the table can't be read just now.
    private func claim(
        _ limit: Int, besides handed: Int, on connection: ReconnectingConnection
    ) throws -> [MailStore.Mail] {
        do {
            return try connection.run { try MailStore.claim(limit: limit, lease: desk.lease, on: $0) }
        } catch {
            guard handed > 0 else { throw error }
            logger.warning("mails not claimed", metadata: ["error": "\(error)"])
            desk.noteMore()
            return []
        }
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
                    sentMails.filter { mine.contains($0.id) }.map { try sentFact($0, at: now) }, on: connection,
                    committing: true)
            }
        }
        sent.increment(by: mails.count)
        for mail in mails { logger.debug("mail sent", metadata: mail.logFields) }
        mails.removeAll(keepingCapacity: true)
        onCommit()
    }

    /// Says of mails that they are of no use any more.
    private func expire(_ mails: [MailStore.Mail], on connection: ReconnectingConnection) throws {
        guard !mails.isEmpty else { return }
        try connection.runRetrying(repeatingUnknownCommits: true) { connection in
            try connection.transaction { connection in
                let mine = try MailStore.markExpired(mails.map(\.id), on: connection)
                let now = WallClock.nowMicroseconds()
                try Outbox.append(
                    mails.filter { mine.contains($0.id) }.map {
                        try $0.expiredFact(topic: topic, source: source, at: now)
                    },
                    on: connection)
            }
        }
        expired.increment(by: mails.count)
        for mail in mails { logger.warning("mail expired", metadata: mail.logFields) }
        onCommit()
    }

    /// What is said of a mail that was sent.
    private func sentFact(_ mail: MailStore.Mail, at now: Int64) throws -> OutgoingEvent {
        let fact = NotificationSent(
            orderID: mail.key.orderID, kind: mail.kind, recipient: mail.recipient, messageID: mail.messageID, at: now)
        return try mail.causes(fact, topic: topic, source: source)
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
    /// What is said of a mail that came too late.
    func expiredFact(topic: String, source: String, at now: Int64) throws -> OutgoingEvent {
        try causes(
            NotificationExpired(orderID: key.orderID, kind: kind, expiresAt: expiredAt ?? now, at: now), topic: topic,
            source: source)
    }

    fileprivate func causes(_ fact: some Fact, topic: String, source: String) throws -> OutgoingEvent {
        try OutgoingEvent(
            fact, topic: topic,
            metadata: EventMetadata(
                id: UUIDText.v7(microseconds: fact.at), source: source, time: fact.at, tenant: key.tenant,
                correlationID: correlationID, causationID: causationID, traceparent: traceparent, priority: priority))
    }

    fileprivate var logFields: Logger.Metadata {
        let fields: Logger.Metadata = [
            "order_id": "\(key.orderID)", "tenant": "\(key.tenant)", "correlation_id": "\(correlationID)",
            "kind": "\(kind)",
        ]
        return fields.merging(TraceContext.logFields(traceparent)) { $1 }
    }
}
