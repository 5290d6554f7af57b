import DequeModule
import Execution
import Metrics
import OrderflowKit
import Orders
import Telemetry

/// The bulkhead between us and the gateway: so many calls at once and no more, each on a thread of its own, behind a
/// circuit breaker. A gateway that hangs holds up these threads and nothing else.
final class GatewayCalls: Sendable {
    struct Job: Sendable {
        let key: OrderKey
        let call: PaymentProcess.Call
        /// What a charge is made with, open.
        var token = TokenVault.Opened.none
        /// Tries of the call, this one included.
        let attempt: Int
        let correlationID: String
        /// What has asked for the call; once it was made, the span of the call.
        var traceparent: String?
    }

    /// What became of a job.
    enum Result: Sendable {
        case settled(PaymentProcess.Outcome)
        /// Asked, and no final word: to be asked again.
        case open(GatewayError)
        /// The breaker is open: not asked.
        case notAsked(CircuitBreaker.Open)
    }

    private let chargeMetrics = GatewayMetrics(operation: "charge")
    private let refundMetrics = GatewayMetrics(operation: "refund")

    private struct Inner {
        var waiting: Deque<Job> = []
        var isClosed = false
    }

    private struct Finished {
        var results: [(Job, Result)] = []
        var isWoken = false
    }

    let limit: Int
    private let gateway: any PaymentGateway
    private let breaker: CircuitBreaker
    private let jobs = Monitor(Inner())
    private let finished = Monitor(Finished())
    private let traces = Traces.current

    init(_ gateway: any PaymentGateway, limit: Int, breaker: CircuitBreaker) {
        self.gateway = gateway
        self.limit = limit
        self.breaker = breaker
    }

    /// Starts the threads; they end after `close`.
    func open() {
        for index in 0..<limit { DedicatedThread.start("gateway-\(index)") { self.serve() } }
    }

    /// No call begins any more.
    func close() { jobs.update { $0.isClosed = true } }

    func submit(_ new: [Job]) {
        guard !new.isEmpty else { return }
        jobs.update { $0.waiting += new }
    }

    /// Ends a wait in `take`.
    func wake() { finished.update { $0.isWoken = true } }

    /// What has ended, as soon as something has; empty when woken or after `timeout`.
    func take(waiting timeout: Duration) -> [(Job, Result)] {
        finished.wait(for: timeout) { state -> [(Job, Result)]? in
            guard state.isWoken || !state.results.isEmpty else { return nil }
            defer { state = Finished() }
            return state.results
        } ?? []
    }

    private func serve() {
        while let job = jobs.wait(
            for: nil,
            { inner -> Job?? in
                if inner.isClosed { return .some(nil) }
                return inner.waiting.isEmpty ? nil : .some(inner.waiting.removeFirst())
            }) ?? nil
        {
            var asked = job
            let span = span(of: job)
            if let span { asked.traceparent = span.traceparent }
            let result = ask(asked)
            span?.end(result)
            finished.update { $0.results.append((asked, result)) }
        }
    }

    private func span(of job: Job) -> ActiveSpan? {
        traces?.continue(
            "\(job.call.verb) payment", under: job.traceparent,
            attributes: [
                "orderflow.order_id": .string(job.key.orderID), "orderflow.tenant": .string(job.key.tenant),
                "orderflow.attempt": .int64(Int64(job.attempt)),
            ])
    }

    private func ask(_ job: Job) -> Result {
        do {
            try breaker.permit()
        } catch {
            return .notAsked(error)
        }
        let started = ContinuousClock.now
        let result = perform(job)
        let taken = started.duration(to: .now)
        if case .charge = job.call {
            chargeMetrics.called(result, in: taken)
        } else {
            refundMetrics.called(result, in: taken)
        }
        // Any answer about this call alone shows that the gateway is there.
        if case .open(let error) = result, error.isOutage { breaker.failed() } else { breaker.succeeded() }
        return result
    }

    private func perform(_ job: Job) -> Result {
        // From the order and the call alone: it is the same request in every process and at every try.
        let key = UUIDText.v5(name: "\(job.key.tenant)\0\(job.key.orderID)\0\(job.call.key)")
        do throws(GatewayError) {
            let reference =
                switch job.call {
                case .charge(let terms):
                    try gateway.charge(
                        GatewayCharge(
                            idempotencyKey: key, orderID: job.key.orderID, userID: terms.userID, amount: terms.amount,
                            paymentToken: try job.token.text(), traceparent: job.traceparent))
                case .refund(let amount, let chargeReference, _):
                    try gateway.refund(
                        GatewayRefund(
                            idempotencyKey: key, orderID: job.key.orderID, amount: amount,
                            chargeReference: chargeReference, traceparent: job.traceparent))
                }
            return .settled(.done(reference: reference))
        } catch {
            if case .declined(let reason) = error { return .settled(.refused(reason: reason)) }
            return .open(error)
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
    /// Of few values.
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
        case .open, .notAsked: unknown.increment()
        }
        time.record(duration: duration)
    }
}
