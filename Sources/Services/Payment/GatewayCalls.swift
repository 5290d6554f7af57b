import Execution
import Metrics
import OrderflowKit
import Orders
import Telemetry

/// The bulkhead between us and the gateway: so many calls at once and no more, behind a circuit breaker; the others wait in
/// line. Calls that block have a thread each: a gateway that hangs holds up these threads and nothing else.
final class GatewayCalls: Sendable {
    struct Job: Sendable {
        let key: OrderKey
        let call: PaymentProcess.Call
        /// What a charge is made with, open.
        var token = TokenVault.Opened.none
        /// The payment as it was claimed.
        let claimed: PaymentStore.Entry
        let lease: Lease
        /// What has asked for the call; once it was made, the span of the call.
        var traceparent: String?

        init(
            key: OrderKey, call: PaymentProcess.Call, token: TokenVault.Opened = .none, claimed: PaymentStore.Entry,
            lease: Lease
        ) {
            self.lease = lease
            self.key = key
            self.call = call
            self.token = token
            self.claimed = claimed
            traceparent = claimed.cause.traceparent
        }

        /// Tries of the call, this one included.
        var attempt: Int { claimed.process.attempts }
        var correlationID: String { claimed.cause.correlationID }
        /// Of an express order.
        var isExpress: Bool { claimed.cause.priority == .express }
    }

    /// For how long a payment is this process's alone.
    struct Lease: Sendable {
        let end: ContinuousClock.Instant
        /// Until when its call may begin, so that it has ended by then.
        let begins: ContinuousClock.Instant
    }

    /// What became of a job.
    enum Result: Sendable {
        case settled(PaymentProcess.Outcome)
        /// Asked, and no final word: to be asked again.
        case open(GatewayError)
        /// The breaker is open: not asked.
        case notAsked(CircuitBreaker.Open)
        /// The process stops, or the payment has waited in line for too long: not asked.
        case givenBack
        /// Its lease has ended in line: not asked, and due again already.
        case lapsed
    }

    private let chargeMetrics = GatewayMetrics(operation: "charge")
    private let refundMetrics = GatewayMetrics(operation: "refund")

    private let limit: Int
    private let gateway: any PaymentGateway
    private let breaker: CircuitBreaker
    private let desk: GatewayDesk
    private let line: Monitor<CallLine>
    private let traces = Traces.current

    /// - Parameter desk: gets what becomes of the calls.
    init(_ gateway: any PaymentGateway, limit: Int, breaker: CircuitBreaker, desk: GatewayDesk) {
        self.gateway = gateway
        self.limit = limit
        self.breaker = breaker
        self.desk = desk
        line = Monitor(CallLine(limit: limit))
    }

    /// Starts the threads, where calls need some; they end after `close`.
    func open() {
        guard !(gateway is any QueuedGateway) else { return }
        for index in 0..<limit { DedicatedThread.start("gateway-\(index)") { self.serve() } }
    }

    /// No call begins any more: those in line are given back, those under way end.
    func close() {
        for job in line.update({ $0.close() }) { desk.ended(job, .givenBack) }
    }

    /// Puts calls in line, each of which has a place at the desk. Not after `close`.
    func submit(_ new: [Job]) {
        let now = ContinuousClock.now
        guard let queued = gateway as? any QueuedGateway else {
            // One thread for each: the others sleep on.
            for job in new { line.updateForOne { $0.append(job, at: now) } }
            return
        }
        line.withLock { line in
            for job in new { line.append(job, at: now) }
        }
        beginNext(of: queued)
    }

    private func beginNext(of queued: any QueuedGateway) {
        var calls: [QueuedCall] = []
        while let job = line.withLock({ $0.next(at: .now) }) {
            if let call = begin(job) { calls.append(call) }
        }
        if !calls.isEmpty { queued.begin(calls) }
    }

    private func serve() {
        while let job = nextToServe() {
            guard let call = begin(job) else { continue }
            call.end(Swift.Result { () throws(GatewayError) in try gateway.answer(to: call.request) })
        }
    }

    /// Waits for a call; nil when closed.
    private func nextToServe() -> Job? {
        let next = line.wait(for: nil) { line -> Job?? in
            if let job = line.next(at: .now) { return .some(job) }
            return line.isClosed ? .some(nil) : nil
        }
        return next ?? nil
    }

    private func end(_ job: Job, _ result: Result, in duration: Duration? = nil) {
        line.withLock { $0.ended() }
        desk.ended(job, result, in: duration)
    }

    /// The call of a job, whose end tells the desk; nil where it isn't to be made, of which the desk knows then.
    private func begin(_ job: Job) -> QueuedCall? {
        let begun = ContinuousClock.now
        guard begun < job.lease.begins else {
            end(job, begun < job.lease.end ? .givenBack : .lapsed)
            return nil
        }
        do {
            try breaker.permit()
        } catch {
            end(job, .notAsked(error))
            return nil
        }
        var asked = job
        let span = span(of: job)
        if let span { asked.traceparent = span.traceparent }
        let answered: @Sendable (Swift.Result<String, GatewayError>) -> Void = { [self, asked] answer in
            let (result, duration) = (Result(answer), begun.duration(to: .now))
            metrics(of: asked.call).called(result, in: duration)
            // Any answer about this call alone shows that the gateway is there.
            if case .open(let error) = result, error.isOutage { breaker.failed() } else { breaker.succeeded() }
            span?.end(result)
            end(asked, result, in: duration)
        }
        do throws(GatewayError) {
            return QueuedCall(request: try request(of: asked)) { [self] answer in
                answered(answer)
                if let queued = gateway as? any QueuedGateway { beginNext(of: queued) }
            }
        } catch {
            answered(.failure(error))
            return nil
        }
    }

    private func metrics(of call: PaymentProcess.Call) -> GatewayMetrics {
        if case .charge = call { chargeMetrics } else { refundMetrics }
    }

    private func span(of job: Job) -> ActiveSpan? {
        traces?.continue(
            "\(job.call.verb) payment", under: job.traceparent,
            attributes: [
                "orderflow.order_id": .string(job.key.orderID), "orderflow.tenant": .string(job.key.tenant),
                "orderflow.attempt": .int64(Int64(job.attempt)),
            ])
    }

    private func request(of job: Job) throws(GatewayError) -> GatewayRequest {
        // From the order and the call alone: it is the same request in every process and at every try.
        let key = UUIDText.v5(name: "\(job.key.tenant)\0\(job.key.orderID)\0\(job.call.key)")
        switch job.call {
        case .charge(let terms):
            return .charge(
                GatewayCharge(
                    idempotencyKey: key, orderID: job.key.orderID, userID: terms.userID, amount: terms.amount,
                    paymentToken: try job.token.text(), traceparent: job.traceparent))
        case .refund(let amount, let chargeReference, _):
            return .refund(
                GatewayRefund(
                    idempotencyKey: key, orderID: job.key.orderID, amount: amount, chargeReference: chargeReference,
                    traceparent: job.traceparent))
        }
    }
}

extension GatewayCalls.Result {
    fileprivate init(_ answer: Swift.Result<String, GatewayError>) {
        switch answer {
        case .success(let reference): self = .settled(.done(reference: reference))
        case .failure(.declined(let reason)): self = .settled(.refused(reason: reason))
        case .failure(let error): self = .open(error)
        }
    }
}

extension TokenVault.Opened {
    /// What the gateway is told; nil for an order without one.
    fileprivate func text() throws(GatewayError) -> String? {
        switch self {
        case .none: nil
        case .text(let text): text
        case .keyMissing: throw .undecided("not asked: the payment token is sealed for a key that token_keys hasn't")
        // Nobody was ever asked with it.
        case .broken: throw .declined("the payment token can't be opened")
        }
    }
}

extension PaymentProcess.Call {
    /// For the names of spans, of which there should be few.
    fileprivate var verb: String {
        switch self {
        case .charge: "charge"
        case .refund: "refund"
        }
    }
}

extension ActiveSpan {
    fileprivate func end(_ result: GatewayCalls.Result) {
        switch result {
        case .settled(.done): note(["orderflow.outcome": "done"])
        // The gateway's no is what was asked for: an answer.
        case .settled(.refused(let reason)):
            note(["orderflow.outcome": "refused", "orderflow.reason": .string(reason)])
        case .open(let error): fail("gateway", "\(error)")
        case .notAsked(let open): fail("circuit_open", "\(open)")
        case .givenBack, .lapsed: break
        }
        end()
    }
}

/// Counters of one operation, made once.
private struct GatewayMetrics {
    private let done: Counter
    private let refused: Counter
    private let unavailable: Counter
    private let unknown: Counter
    private let time: Metrics.Timer

    init(operation: String) {
        func counter(_ outcome: String) -> Counter {
            Counter(
                label: "orderflow_gateway_calls_total", dimensions: [("operation", operation), ("outcome", outcome)])
        }
        done = counter("done")
        refused = counter("refused")
        unavailable = counter("unavailable")
        unknown = counter("unknown")
        time = Metrics.Timer(label: "orderflow_gateway_call_seconds", dimensions: [("operation", operation)])
    }

    func called(_ result: GatewayCalls.Result, in duration: Duration) {
        switch result {
        case .settled(.done): done.increment()
        case .settled(.refused): refused.increment()
        case .open(.unavailable): unavailable.increment()
        case .open, .notAsked, .givenBack, .lapsed: unknown.increment()
        }
        time.record(duration: duration)
    }
}
