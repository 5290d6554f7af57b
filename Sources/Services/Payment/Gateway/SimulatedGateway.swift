import Execution
import Orders
import Postgres

/// A gateway for development and tests that charges nobody. Its ledger is durable and its own: it commits by itself,
/// apart from our transactions, as a remote party would, the calls that come together in one transaction.
///
/// What it does is told by the order's `paymentToken`: see `SimulatedBehaviour`.
public struct SimulatedGateway: QueuedGateway {
    public struct Configuration: Sendable {
        /// From a call to its answer; the ledger is written in the meantime.
        public var latency: Duration = .milliseconds(20)
        /// How many of the calls end without an answer, done or not: from 0 to 1.
        public var failureRate = 0.0
        /// How long a call hangs that is meant to.
        public var hang: Duration = .seconds(5)

        public init() {}
    }

    private let counter: Counter

    public init(_ configuration: Configuration = Configuration(), ledger: ConnectionPool) {
        counter = Counter(configuration, ledger)
    }

    static let schema = SimulatedLedger.schema

    func begin(_ calls: [QueuedCall]) { counter.desk.add(calls) }

    public func charge(_ charge: GatewayCharge) throws(GatewayError) -> String { try wait(for: .charge(charge)) }

    public func refund(_ refund: GatewayRefund) throws(GatewayError) -> String { try wait(for: .refund(refund)) }

    private func wait(for request: GatewayRequest) throws(GatewayError) -> String {
        let answer = Monitor<Result<String, GatewayError>?>(nil)
        begin([QueuedCall(request: request) { result in answer.update { $0 = result } }])
        guard let result = answer.wait(for: nil, { $0 }) else { throw .unknown("no answer") }
        return try result.get()
    }

    /// Ends the thread with the last gateway that uses it.
    private final class Counter: Sendable {
        let desk: SimulatedDesk

        init(_ configuration: Configuration, _ ledger: ConnectionPool) {
            desk = SimulatedDesk(configuration, ledger)
            DedicatedThread.start("simulated") { [desk] in desk.serve() }
        }

        deinit { desk.close() }
    }
}

/// One thread that takes calls, has the ledger written, and answers each when its time has come.
private final class SimulatedDesk: Sendable {
    private struct Arrival {
        let call: QueuedCall
        let behaviour: SimulatedBehaviour
        let at: ContinuousClock.Instant
    }

    private struct Answer {
        let call: QueuedCall
        let result: Result<String, GatewayError>
        let at: ContinuousClock.Instant
    }

    private struct Inner {
        var arrivals: [Arrival] = []
        /// Whether the ledger is being written, by one transaction at a time: what comes meanwhile goes with the next.
        var isWriting = false
        /// What the ledger has decided.
        var answers: [Answer] = []
        var isClosed = false
    }

    /// What the thread has to do next.
    private enum Step {
        case decide([Arrival])
        case note([Answer])
        case end
    }

    /// Answers that are due so soon after others go with them.
    private static let slack: Duration = .milliseconds(1)

    private let configuration: SimulatedGateway.Configuration
    private let ledger: ConnectionPool
    private let inner = Monitor(Inner())

    init(_ configuration: SimulatedGateway.Configuration, _ ledger: ConnectionPool) {
        self.configuration = configuration
        self.ledger = ledger
    }

    func add(_ calls: [QueuedCall]) {
        guard !calls.isEmpty else { return }
        let now = ContinuousClock.now
        let arrivals = calls.map { Arrival(call: $0, behaviour: SimulatedBehaviour(of: $0.request), at: now) }
        let isClosed = inner.update { inner in
            if !inner.isClosed { inner.arrivals += arrivals }
            return inner.isClosed
        }
        if isClosed { for call in calls { call.end(.failure(.unavailable("the simulated gateway has ended"))) } }
    }

    func close() { inner.update { $0.isClosed = true } }

    /// Serves until `close`; what is under way then gets no answer of use.
    func serve() {
        var answers: [Answer] = []
        loop: while true {
            let wait = answers.map(\.at).min().map { max(.zero, ContinuousClock.now.duration(to: $0)) }
            switch inner.wait(for: wait, Self.next) {
            case .decide(let arrivals): answers += decide(arrivals)
            case .note(let decided): answers += decided
            case .end: break loop
            case nil: break
            }
            let limit = ContinuousClock.now + Self.slack
            let due = answers.filter { $0.at <= limit }
            answers.removeAll { $0.at <= limit }
            for answer in due { answer.call.end(answer.result) }
        }
        for answer in answers { answer.call.end(.failure(.unknown("the simulated gateway has ended"))) }
    }

    private static func next(_ inner: inout Inner) -> Step? {
        if !inner.answers.isEmpty {
            defer { inner.answers = [] }
            return .note(inner.answers)
        }
        if inner.isWriting { return nil }
        if !inner.arrivals.isEmpty {
            defer { inner.arrivals = [] }
            return .decide(inner.arrivals)
        }
        return inner.isClosed ? .end : nil
    }

    /// Has the ledger written, and returns the answers that don't wait for it.
    private func decide(_ arrivals: [Arrival]) -> [Answer] {
        var answers: [Answer] = []
        var asked: [Arrival] = []
        for arrival in arrivals {
            if isLost {
                answers.append(answer(arrival, .failure(.unknown("lost on its way there"))))
            } else {
                asked.append(arrival)
            }
        }
        guard !asked.isEmpty else { return answers }
        let requests = asked.map { ($0.call.request, $0.behaviour) }
        inner.withLock { $0.isWriting = true }
        let isQueued = ledger.submit { [self, asked] connection in
            let entries = Result {
                let connection = try connection.get()
                return try connection.transaction { try SimulatedLedger.decide(requests, on: $0) }
            }
            inner.update { inner in
                inner.isWriting = false
                switch entries {
                case .success(let entries): inner.answers += zip(asked, entries).map { answer($0, by: $1) }
                case .failure(let error):
                    inner.answers += asked.map { answer($0, .failure(.unknown("\(error)"))) }
                }
            }
        }
        if !isQueued {
            inner.withLock { $0.isWriting = false }
            answers += asked.map { answer($0, .failure(.unavailable("the simulated gateway is overloaded"))) }
        }
        return answers
    }

    private func answer(_ arrival: Arrival, by entry: SimulatedLedger.Entry) -> Answer {
        if entry.calls == 1, arrival.behaviour.hangsFirst {
            return answer(arrival, .failure(.unknown("timed out")), late: configuration.hang)
        }
        if isLost { return answer(arrival, .failure(.unknown("lost on its way back"))) }
        switch entry.outcome {
        case nil: return answer(arrival, .failure(.unavailable("HTTP 500")))
        case "done":
            if entry.calls == 1, arrival.behaviour.losesFirstAnswer {
                return answer(arrival, .failure(.unknown("the answer was lost")))
            }
            return answer(arrival, .success(entry.reference))
        default: return answer(arrival, .failure(.declined(entry.reason ?? "declined")))
        }
    }

    private func answer(
        _ arrival: Arrival, _ result: Result<String, GatewayError>, late: Duration = .zero
    ) -> Answer {
        Answer(
            call: arrival.call, result: result,
            at: arrival.at + configuration.latency + arrival.behaviour.extraLatency + late)
    }

    /// Whether a call is lost on this way, there or back.
    private var isLost: Bool { Double.random(in: 0..<1) < configuration.failureRate / 2 }
}

extension SimulatedBehaviour {
    fileprivate init(of request: GatewayRequest) {
        switch request {
        case .charge(let charge): self.init(token: charge.paymentToken)
        case .refund: self.init()
        }
    }
}
