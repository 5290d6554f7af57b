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
        /// How long a call may wait in line after its payment was claimed.
        var patience: Duration = .seconds(2)
        var retryBase: Duration = .milliseconds(200)
        var retryCap: Duration = .seconds(10)
        /// From one look for what is due to the next where nobody wakes it.
        var poll: Duration = .seconds(1)
        /// Between two writes of outcomes (`ThreadTick`), and between two looks for due payments: what comes meanwhile is
        /// taken together. The first after a quiet time doesn't wait.
        var pace = Ticking(every: .milliseconds(25))
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
    private let desk: GatewayDesk
    private let vault = TokenVault()
    private let logger: Logger
    private let onCommit: @Sendable (_ isExpress: Bool) -> Void

    init(
        _ configuration: Configuration, gateway: any PaymentGateway, database: PostgresConfiguration, topic: String,
        source: String, breaker: CircuitBreaker, desk: GatewayDesk = GatewayDesk(), logger: Logger,
        onCommit: @escaping @Sendable (_ isExpress: Bool) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.database = database.planning(.generic)
        self.topic = topic
        self.source = source
        self.breaker = breaker
        self.logger = logger
        self.onCommit = onCommit
        self.desk = desk
        calls = GatewayCalls(gateway, limit: configuration.concurrency, breaker: breaker, desk: desk)
    }

    /// Works until `stop`, then waits for the calls under way. Blocks the calling thread.
    func run(until stop: StopSignal) throws {
        stop.onStop { [desk] in desk.wake() }
        let connection = ReconnectingConnection(database, name: "gateway", stop: stop, logger: logger)
        calls.open()
        desk.open(calls: configuration.concurrency, lease: configuration.lease)
        var times = GatewayTimes(poll: configuration.poll, pace: configuration.pace)
        var underWay = 0
        var left = GatewayDesk.Work()
        var pause = Backoff(base: .milliseconds(100), cap: .seconds(5))
        while !stop.isStopped {
            do {
                desk.take(breaker.state == .closed)
                if times.looks {
                    let places = desk.occupy(min(room(closedUntil: times.closedUntil), times.due ?? .max))
                    if places > 0 { underWay += try claimAndCall(places, &times, on: connection) }
                }
                let work = desk.next(
                    settling: times.settles(), gathering: times.settling.gathering,
                    claiming: times.claimed + configuration.pace.interval,
                    end: times.end)
                guard !stop.isStopped else {
                    left = work
                    break
                }
                underWay -= work.ended.count
                times.note(work)
                let begun = Result { try call(work.handed, on: connection) }
                if let wait = work.ended.compactMap(\.1.pause).max() { times.closedUntil = .now + wait }
                try settle(work.ended, &times, on: connection)
                underWay += try begun.get()
                pause.reset()
            } catch {
                if stop.isStopped { break }
                logger.warning("gateway worker interrupted", metadata: ["error": "\(error)"])
                stop.wait(for: pause.next())
            }
        }
        desk.take(false)
        calls.close()
        drain(left, underWay, &times, on: connection)
    }

    /// Stores what comes of the calls under way, and gives back what was handed over and isn't begun.
    private func drain(
        _ left: GatewayDesk.Work, _ calls: Int, _ times: inout GatewayTimes, on connection: ReconnectingConnection
    ) {
        var work = left
        var underWay = calls
        let deadline = ContinuousClock.now + configuration.drain
        while true {
            underWay -= work.ended.count
            let unbegun = work.handed.compactMap { job(of: $0, token: .none) }
            do {
                try settle(
                    work.ended + unbegun.map { ($0, GatewayCalls.Result.givenBack) }, &times, on: connection)
            } catch {
                // The leases lapse, and the next worker asks again with the same keys.
                logger.warning("gateway outcomes not stored", metadata: ["error": "\(error)"])
                return
            }
            guard underWay > 0, .now < deadline else { return }
            work = desk.next(settling: .now, claiming: deadline, end: deadline)
        }
    }

    /// How many payments to claim now, where there are places. An open breaker gets one at a time, for its trial.
    private func room(closedUntil: ContinuousClock.Instant) -> Int {
        switch breaker.state {
        case .closed: .max
        case .open: desk.isIdle && .now >= closedUntil ? 1 : 0
        case .halfOpen: 0
        }
    }

    /// Begins calls of up to `places` due payments; the places are occupied, and those that aren't needed given back.
    /// Returns how many were begun.
    private func claimAndCall(
        _ places: Int, _ times: inout GatewayTimes, on connection: ReconnectingConnection
    ) throws -> Int {
        let jobs: [GatewayCalls.Job]
        let asked = PaymentStore.claimable(places)
        do {
            jobs = try connection.run { try claim(asked, on: $0) }
        } catch {
            desk.free(places)
            throw error
        }
        desk.free(places - jobs.count)
        times.claimed = .now
        // A full house may have left others waiting, which need no waking.
        if jobs.count == asked {
            if let due = times.due { desk.hand([], due: due - asked) } else { desk.noteMore() }
        }
        (times.looks, times.due) = (false, 0)
        calls.submit(jobs)
        return jobs.count
    }

    private func claim(_ limit: Int, on connection: Connection) throws -> [GatewayCalls.Job] {
        if configuration.retriesRefusedRefunds { try retryRefunds(limit: limit, on: connection) }
        let end = ContinuousClock.now + configuration.lease
        return try PaymentStore.claim(limit: limit, lease: configuration.lease, on: connection).compactMap {
            try job(of: GatewayDesk.Claimed(key: $0, entry: $1, leaseEnd: end), on: connection)
        }
    }

    /// Begins the calls of what consumers have handed over with their places. Returns how many were begun.
    private func call(_ claimed: [GatewayDesk.Claimed], on connection: ReconnectingConnection) throws -> Int {
        guard !claimed.isEmpty else { return 0 }
        let now = ContinuousClock.now
        let jobs: [GatewayCalls.Job]
        do {
            // What was late is another's by now, or due again.
            let mine = claimed.filter { $0.leaseEnd > now }
            jobs =
                mine.allSatisfy { !$0.entry.process.hasToken }
                ? mine.compactMap { job(of: $0, token: .none) }
                : try connection.run { connection in try mine.compactMap { try job(of: $0, on: connection) } }
        } catch {
            desk.free(claimed.count)
            throw error
        }
        desk.free(claimed.count - jobs.count)
        calls.submit(jobs)
        return jobs.count
    }

    private func job(of claimed: GatewayDesk.Claimed, on connection: Connection) throws -> GatewayCalls.Job? {
        var token = TokenVault.Opened.none
        if case .charge(let terms) = claimed.entry.process.call {
            token = try vault.open(terms.token, of: claimed.key, on: connection)
        }
        return job(of: claimed, token: token)
    }

    private func job(of claimed: GatewayDesk.Claimed, token: TokenVault.Opened) -> GatewayCalls.Job? {
        let lastBegin = claimed.leaseEnd - configuration.lease + configuration.patience
        return claimed.entry.process.call.map {
            GatewayCalls.Job(
                key: claimed.key, call: $0, token: token, claimed: claimed.entry,
                lease: GatewayCalls.Lease(end: claimed.leaseEnd, begins: min(lastBegin, claimed.leaseEnd)))
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
                if let answer = reaction.answer, let told = try event(answer, key, entry.cause) { outbox.append(told) }
            }
            try PaymentStore.save(again, on: connection)
            try Outbox.append(outbox, on: connection)
        }
    }

    /// Commits outcomes with their facts. Each is applied once, however often and from wherever it comes: what has been
    /// settled meanwhile is passed over, and so an unknown commit is simply tried again.
    ///
    /// Nearly always an outcome is a payment's end, and nobody has changed the payment since it was claimed: one statement
    /// writes all of those. The others are read again and decided upon.
    private func settle(
        _ results: [(GatewayCalls.Job, GatewayCalls.Result)], _ times: inout GatewayTimes,
        on connection: ReconnectingConnection
    ) throws {
        guard !results.isEmpty else { return }
        times.settling.begin(at: .now)
        defer { times.settling.end(at: .now, of: results.count) }
        let ends = ends(of: results)
        var ended: Set<OrderKey> = []
        if !ends.isEmpty {
            ended = try connection.runRetrying(repeatingUnknownCommits: true) { connection in
                try connection.transaction { try write(ends, on: $0) }
            }
        }
        let others = results.filter { !ended.contains($0.0.key) }
        if !others.isEmpty {
            let later = try connection.runRetrying(repeatingUnknownCommits: true) { connection in
                try connection.transaction { try apply(others, on: $0) }
            }
            for delay in later { times.putOff(for: delay) }
            // An undone charge is to be given back, for example.
            times.look()
        }
        onCommit(results.contains { $0.0.isExpress })
    }

    /// A payment's end, if nobody has changed it meanwhile.
    private struct End {
        let job: GatewayCalls.Job
        let process: PaymentProcess
        let answers: [PaymentProcess.Answer]
    }

    private func ends(of results: [(GatewayCalls.Job, GatewayCalls.Result)]) -> [End] {
        var known: Set<OrderKey> = []
        return results.compactMap { job, result in
            guard case .settled(let outcome) = result,
                let (process, answers) = job.claimed.process.settled(job.call, outcome), process.call == nil,
                process.status != .refundRefused, known.insert(job.key).inserted
            else { return nil }
            return End(job: job, process: process, answers: answers)
        }
    }

    /// Returns whose were unchanged, and ended by this.
    private func write(_ ends: [End], on connection: Connection) throws -> Set<OrderKey> {
        let rows = ends.map { end in
            var entry = end.job.claimed
            entry.process = end.process
            return (end.job.key, entry)
        }
        let ended = try PaymentStore.end(rows.sorted { $0.0 < $1.0 }, on: connection)
        var outbox: [OutgoingEvent] = []
        for end in ends where ended.contains(end.job.key) {
            outbox += try events(end.answers, of: end.job, end.job.claimed.cause)
        }
        try Outbox.append(outbox, on: connection, committing: true)
        return ended
    }

    private func events(
        _ answers: [PaymentProcess.Answer], of job: GatewayCalls.Job, _ cause: PaymentStore.Cause
    ) throws -> [OutgoingEvent] {
        var cause = cause
        cause.traceparent = job.traceparent
        let events = try answers.compactMap { try event($0, job.key, cause) }
        logger.debug(
            "gateway call settled",
            metadata: job.logFields.merging(["facts": .array(events.map { "\($0.type)" })]) { $1 })
        return events
    }

    /// Returns for how long calls were put off.
    private func apply(
        _ results: [(GatewayCalls.Job, GatewayCalls.Result)], on connection: Connection
    ) throws -> [Duration] {
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
                outbox += try events(answers, of: job, entry.cause)
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
            case .givenBack:
                // If another process has claimed it since, the call is that one's.
                guard entry.process.attempts == job.attempt else { continue }
                later.append(
                    PaymentStore.Postponement(
                        key: job.key, delay: .zero, error: "not asked: given back by a process", wasAsked: false))
            case .lapsed: break
            }
        }
        try PaymentStore.save(changed.sorted().compactMap { key in payments[key].map { (key, $0) } }, on: connection)
        try PaymentStore.postpone(later, on: connection)
        try Outbox.append(outbox, on: connection)
        return later.map(\.delay)
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
    ) throws -> OutgoingEvent? {
        let now = WallClock.nowMicroseconds()
        guard let fact = answer.fact(of: key.orderID, at: now) else { return nil }
        return try OutgoingEvent(
            fact, topic: topic,
            metadata: EventMetadata(
                id: UUIDText.v7(microseconds: now), source: source, time: now, tenant: key.tenant,
                correlationID: cause.correlationID, causationID: cause.causationID, traceparent: cause.traceparent,
                priority: cause.priority))
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
