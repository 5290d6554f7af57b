import Execution
import Logging
import Messaging
import OrderflowKit
import Orders
import Postgres
import Telemetry

/// Asks the gateway for what `PaymentHandler` has left to be asked, and tells the outcomes. Any number may run: each
/// claims due payments for a while, and one whose worker died is due again when its lease is over.
///
/// A call is repeated with the same idempotency key until the gateway's final word is known, for ever if need be:
/// a charge that may have been made is never told to have failed. The word is committed together with its fact.
final class GatewayWorker: Sendable {
    struct Configuration: Sendable {
        /// Calls at once.
        var concurrency = 16
        /// More than a call can take.
        var lease: Duration = .seconds(15)
        var retryBase: Duration = .milliseconds(200)
        var retryCap: Duration = .seconds(10)
        /// From one look for what is due to the next where nobody wakes it.
        var poll: Duration = .seconds(1)
        /// For calls under way at a shutdown; the others lapse with their lease.
        var drain: Duration = .seconds(5)
        /// Whether a refused refund is tried again without being asked to: true where no saga does.
        var retriesRefusedRefunds = false
    }

    private let configuration: Configuration
    private let database: PostgresConfiguration
    private let topic: String
    private let source: String
    private let breaker: CircuitBreaker
    private let calls: GatewayCalls
    private let vault = TokenVault()
    private let logger: Logger
    private let onCommit: @Sendable () -> Void

    init(
        _ configuration: Configuration, gateway: any PaymentGateway, database: PostgresConfiguration, topic: String,
        source: String, breaker: CircuitBreaker, logger: Logger, onCommit: @escaping @Sendable () -> Void = {}
    ) {
        self.configuration = configuration
        self.database = database.planning(.generic)
        self.topic = topic
        self.source = source
        self.breaker = breaker
        self.logger = logger
        self.onCommit = onCommit
        calls = GatewayCalls(gateway, limit: configuration.concurrency, breaker: breaker)
    }

    /// Tells the worker that there is something to ask.
    func wake() { calls.wake() }

    /// Works until `stop`, then waits for the calls under way. Blocks the calling thread.
    func run(until stop: StopSignal) throws {
        stop.onStop { [calls] in calls.wake() }
        let connection = ReconnectingConnection(database, name: "gateway", stop: stop, logger: logger)
        calls.open()
        defer { calls.close() }
        var underWay = 0
        var closedUntil = ContinuousClock.now
        var pause = Backoff(base: .milliseconds(100), cap: .seconds(5))
        while !stop.isStopped {
            do {
                let room = room(besides: underWay, closedUntil: closedUntil)
                let jobs = room > 0 ? try connection.run { try claim(room, on: $0) } : []
                underWay += jobs.count
                calls.submit(jobs)
                pause.reset()
                // A full house may have left others waiting, which need no waking.
                let results = calls.take(waiting: jobs.isEmpty || jobs.count < room ? configuration.poll : .zero)
                underWay -= results.count
                if let wait = results.compactMap(\.1.pause).max() { closedUntil = .now + wait }
                try settle(results, on: connection)
            } catch {
                if stop.isStopped { break }
                logger.warning("gateway worker interrupted", metadata: ["error": "\(error)"])
                stop.wait(for: pause.next())
            }
        }
        let deadline = ContinuousClock.now + configuration.drain
        while underWay > 0, .now < deadline {
            let results = calls.take(waiting: ContinuousClock.now.duration(to: deadline))
            underWay -= results.count
            do {
                try settle(results, on: connection)
            } catch {
                // The leases lapse, and the next worker asks again with the same keys.
                logger.warning("gateway outcomes not stored", metadata: ["error": "\(error)"])
                return
            }
        }
    }

    /// How many payments to claim now. An open breaker gets one at a time, for its trial.
    private func room(besides underWay: Int, closedUntil: ContinuousClock.Instant) -> Int {
        switch breaker.state {
        case .closed: configuration.concurrency - underWay
        case .open: underWay == 0 && .now >= closedUntil ? 1 : 0
        case .halfOpen: 0
        }
    }

    private func claim(_ limit: Int, on connection: Connection) throws -> [GatewayCalls.Job] {
        if configuration.retriesRefusedRefunds { try retryRefunds(limit: limit, on: connection) }
        return try PaymentStore.claim(limit: limit, lease: configuration.lease, on: connection).compactMap {
            key, entry in
            guard let call = entry.process.call else { return nil }
            var token = TokenVault.Opened.none
            if case .charge(let terms) = call { token = try vault.open(terms.token, of: key, on: connection) }
            return GatewayCalls.Job(
                key: key, call: call, token: token, attempt: entry.process.attempts,
                correlationID: entry.cause.correlationID,
                traceparent: entry.cause.traceparent)
        }
    }

    private func retryRefunds(limit: Int, on connection: Connection) throws {
        try connection.transaction { connection in
            var again: [(OrderKey, PaymentStore.Entry)] = []
            var outbox: [OutgoingEvent] = []
            for (key, entry) in try PaymentStore.refused(limit: limit, on: connection) {
                let reaction = PaymentProcess.react(to: .undo, entry.process)
                guard let process = reaction.process else { continue }
                var entry = entry
                entry.process = process
                again.append((key, entry))
                if let answer = reaction.answer { outbox.append(try event(answer, key, entry.cause)) }
            }
            try PaymentStore.save(again, on: connection)
            try Outbox.append(outbox, on: connection)
        }
    }

    /// Commits outcomes with their facts. Each is applied once, however often and from wherever it comes: what has been
    /// settled meanwhile is passed over, and so an unknown commit is simply tried again.
    private func settle(_ results: [(GatewayCalls.Job, GatewayCalls.Result)], on connection: ReconnectingConnection)
        throws
    {
        guard !results.isEmpty else { return }
        try connection.runRetrying(repeatingUnknownCommits: true) { connection in
            try connection.transaction { try apply(results, on: $0) }
        }
        onCommit()
    }

    private func apply(_ results: [(GatewayCalls.Job, GatewayCalls.Result)], on connection: Connection) throws {
        var payments = try PaymentStore.load(Set(results.map(\.0.key)).sorted(), on: connection)
        var changed: Set<OrderKey> = []
        var later: [PaymentStore.Postponement] = []
        var outbox: [OutgoingEvent] = []
        for (job, result) in results {
            guard var entry = payments[job.key], entry.process.call == job.call else { continue }
            switch result {
            case .settled(let outcome):
                guard let (process, answers) = entry.process.settled(job.call, outcome) else { continue }
                entry.process = process
                payments[job.key] = entry
                changed.insert(job.key)
                var cause = entry.cause
                cause.traceparent = job.traceparent
                let events = try answers.map { try event($0, job.key, cause) }
                outbox += events
                logger.debug(
                    "gateway call settled",
                    metadata: job.logFields.merging(["facts": .array(events.map { "\($0.type)" })]) { $1 })
                if process.status == .refundRefused {
                    later.append(postponement(job, attempt: process.refundRound, error: process.reason ?? ""))
                }
            case .open(let error):
                logger.warning(
                    "gateway call open",
                    metadata: job.logFields.merging(["error": "\(error)"]) { $1 })
                later.append(postponement(job, attempt: job.attempt, error: "\(error)"))
            case .notAsked(let open):
                later.append(
                    PaymentStore.Postponement(
                        key: job.key, delay: open.retryAfter, error: "\(open)", wasAsked: false))
            }
        }
        try PaymentStore.save(changed.sorted().compactMap { key in payments[key].map { (key, $0) } }, on: connection)
        try PaymentStore.postpone(later, on: connection)
        try Outbox.append(outbox, on: connection)
    }

    private func postponement(_ job: GatewayCalls.Job, attempt: Int, error: String) -> PaymentStore.Postponement {
        PaymentStore.Postponement(
            key: job.key,
            delay: Backoff.delay(
                attempt: max(attempt - 1, 0), base: configuration.retryBase, cap: configuration.retryCap),
            error: error, wasAsked: true)
    }

    private func event(
        _ answer: PaymentProcess.Answer, _ key: OrderKey, _ cause: PaymentStore.Cause
    ) throws -> OutgoingEvent {
        let now = WallClock.nowMicroseconds()
        return try OutgoingEvent(
            answer.fact(of: key.orderID, at: now), topic: topic,
            metadata: EventMetadata(
                id: UUIDText.v7(microseconds: now), source: source, time: now, tenant: key.tenant,
                correlationID: cause.correlationID, causationID: cause.causationID, traceparent: cause.traceparent))
    }
}

extension GatewayCalls.Job {
    fileprivate var logFields: Logger.Metadata {
        let fields: Logger.Metadata = [
            "order_id": "\(key.orderID)", "tenant": "\(key.tenant)", "correlation_id": "\(correlationID)",
            "call": "\(call.key)", "attempt": "\(attempt)",
        ]
        return fields.merging(TraceContext.logFields(traceparent)) { $1 }
    }
}

extension GatewayCalls.Result {
    /// How long the breaker wants no calls.
    fileprivate var pause: Duration? {
        if case .notAsked(let open) = self { open.retryAfter } else { nil }
    }
}
