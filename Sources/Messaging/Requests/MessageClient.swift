import Execution
import Kafka
import Logging
import Telemetry

/// Asks over Kafka, and waits for the answers.
///
/// A request is a record on its topic with the name of this process's own topic in it, on which the answer comes
/// (`ReplyTopic`). Nothing of it is stored: who asks waits, for a time that the request says, and asks again if it has to.
///
/// - Until `open`, or the first request, there is no topic and no connection. Requests go out once the process has read a
///   record of its own from its topic, so that no answer can come before it is listened for.
/// - A bounded number of requests is under way; more are refused at once.
/// - Where the brokers don't take requests, a circuit opens: the next ones are refused at once too, but for one now and
///   then. Nobody waits longer than it has said, whatever hangs.
/// - An answer that nobody waits for any more, or a second one, is counted and dropped. One of another tenant than the
///   request's, or one that its source hasn't signed, is no answer.
public final class MessageClient: Sendable {
    public struct Configuration: Sendable {
        /// Whose process it is, as in the reply topic's name and in metrics.
        public var service: String
        /// The process's name among those of its service.
        public var instance: String
        /// Copies of the reply topic.
        public var replication = 1
        /// Requests under way; more are refused.
        public var inFlight = 500

        public init(service: String, instance: String) {
            self.service = service
            self.instance = instance
        }
    }

    private let configuration: Configuration
    private let line: ReplyLine
    private let state = Monitor(State())
    private let metrics: RequestMetrics
    /// Of the brokers, not of responders: those that are late cost their own requests alone.
    package let breaker: CircuitBreaker
    private let logger: Logger

    private struct State {
        var pending: [String: PendingReply] = [:]
        /// Until the line is open.
        var unsent: [PendingReply] = []
        var producer: Producer?
        var dropped = Dropped()
        var isWanted = false
        var isStopped = false
    }

    /// Answers that were no use.
    public struct Dropped: Hashable, Sendable {
        /// Nobody waited for them any more, or they came a second time.
        public var late = 0
        /// Of another tenant than the request's, or not their source's word.
        public var unbelieved = 0
    }

    /// - Parameter reader: reads answers, and `RequestRefusal.type`.
    public init(_ configuration: Configuration, kafka: KafkaConfiguration, reader: RecordReader, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        metrics = RequestMetrics(service: configuration.service)
        line = ReplyLine(
            ReplyTopic(
                service: configuration.service, instance: configuration.instance,
                replication: configuration.replication),
            kafka: kafka, reader: reader, logger: logger)
        breaker = CircuitBreaker(name: "requests-\(configuration.service)", threshold: 3, cooldown: .seconds(1)) {
            logger.warning(
                "circuit_changed",
                metadata: ["circuit": "requests-\(configuration.service)", "state": "\($0.rawValue)"])
        }
    }

    /// Requests that wait for their answers.
    public var inFlight: Int { state.withLock { $0.pending.count } }
    public var inFlightLimit: Int { configuration.inFlight }
    public var dropped: Dropped { state.withLock { $0.dropped } }
    /// Where answers come.
    public var replyTopic: String { line.topic.name }

    // MARK: Asking

    /// Has `run` make the way for answers now, so that the first request needn't wait for it. Returns at once.
    public func open() { state.update { $0.isWanted = true } }

    /// Sends `request` and returns its answer. The id of its metadata must be new. Blocks no thread.
    public func request(_ request: OutgoingRequest, timeout: Duration) async throws(RequestError) -> InboundMessage {
        let start = ContinuousClock.now
        let answer = await answer(to: request, within: timeout)
        metrics.ended(request.type, answer, in: start.duration(to: .now))
        return try answer.get()
    }

    private func answer(to request: OutgoingRequest, within timeout: Duration) async -> PendingReply.Answer {
        let id = request.metadata.id
        let pending: PendingReply
        do {
            let deadline = WallClock.nowMicroseconds() + min(timeout, Self.longest).microseconds
            pending = PendingReply(
                try request.message(replyTo: line.topic.name, deadline: deadline), tenant: request.metadata.tenant)
            try breaker.permit()
        } catch {
            return .failure(.unavailable("\(error)"))
        }
        if let refusal = admit(pending, id) {
            breaker.abandoned()
            return .failure(refusal)
        }
        let timer = Task {
            guard (try? await Task.sleep(for: timeout)) != nil else { return }
            pending.answer.settle(
                .failure(pending.isDelivered ? .late(after: timeout) : .unavailable(line.problem ?? Self.unheard)))
        }
        let answer = await withTaskCancellationHandler {
            await pending.answer.value()
        } onCancel: {
            pending.answer.settle(.failure(.abandoned))
        }
        timer.cancel()
        state.withLock { state in
            state.pending[id] = nil
            if !state.unsent.isEmpty { state.unsent.removeAll { $0 === pending } }
        }
        if pending.isDelivered {
            breaker.succeeded()
        } else if case .failure(.unavailable) = answer {
            breaker.failed()
        } else {
            breaker.abandoned()
        }
        return answer
    }

    /// What a responder is told at most.
    private static let longest: Duration = .seconds(3_600)
    private static let unheard = "the brokers have not acknowledged it in time"

    /// Takes a request among those under way and sends it, or has it sent once the line is open. Returns why not.
    private func admit(_ pending: PendingReply, _ id: String) -> RequestError? {
        let producer: Producer?
        do throws(RequestError) {
            producer = try state.update { state throws(RequestError) in
                if state.isStopped { throw .abandoned }
                guard state.pending.count < configuration.inFlight else {
                    throw .overloaded(inFlight: configuration.inFlight)
                }
                state.pending[id] = pending
                state.isWanted = true
                if state.producer == nil { state.unsent.append(pending) }
                return state.producer
            }
        } catch {
            return error
        }
        if let producer { Self.send([pending], by: producer) }
        return nil
    }

    private static func send(_ requests: [PendingReply], by producer: Producer) {
        do {
            try producer.post(requests.map(\.message)) { results in
                for (request, result) in zip(requests, results) {
                    switch result {
                    case .success: request.delivered()
                    case .failure(let error): request.answer.settle(.failure(.unavailable("\(error)")))
                    }
                }
            }
        } catch {
            for request in requests { request.answer.settle(.failure(.unavailable("\(error)"))) }
        }
    }

    // MARK: Answers

    /// Reads answers from `open`, or the first request, until `stop`, then deletes the reply topic. Blocks the calling
    /// thread.
    public func run(until stop: StopSignal) {
        stop.onStop { [state] in state.update { $0.isStopped = true } }
        _ = state.wait(for: nil) { $0.isWanted || $0.isStopped ? true : nil }
        var backoff = Backoff(base: .milliseconds(200), cap: .seconds(5))
        var isLost = false
        while !stop.isStopped {
            do {
                try line.read(
                    until: stop,
                    onOpen: { producer in
                        backoff.reset()
                        isLost = false
                        opened(producer)
                    }, each: { take($0) })
            } catch {
                closed()
                if stop.isStopped { break }
                // Once an outage, however long nobody asks.
                logger.log(
                    level: isLost ? .debug : .warning, "reply_line_lost",
                    metadata: ["topic": "\(replyTopic)", "error": "\(error)"])
                isLost = true
                stop.wait(for: backoff.next())
            }
        }
        closed()
        let left = state.withLock { Array($0.pending.values) }
        for pending in left { pending.answer.settle(.failure(.abandoned)) }
        line.close()
    }

    private func opened(_ producer: Producer) {
        let unsent = state.withLock { state in
            defer { state.unsent = [] }
            state.producer = producer
            return state.unsent
        }
        Self.send(unsent, by: producer)
    }

    private func closed() { state.withLock { $0.producer = nil } }

    private func take(_ reply: ReplyLine.Reply) {
        guard let pending = state.withLock({ $0.pending[reply.requestID] }) else {
            return drop(\.late)
        }
        let answer: PendingReply.Answer
        switch reply.verdict {
        case .event(let message):
            // An answer for another tenant is one to another question.
            guard message.tenant == pending.tenant else { return drop(\.unbelieved) }
            answer = Self.answer(message)
        case .poison(let reason): answer = .failure(.unreadable(reason))
        case .forged(let reason):
            logger.warning("reply_forged", metadata: ["request_id": "\(reply.requestID)", "reason": "\(reason)"])
            return drop(\.unbelieved)
        case .nothing: answer = .failure(.unreadable("it is of another type"))
        case .unavailable(let reason): answer = .failure(.unavailable(reason))
        }
        if !pending.answer.settle(answer) { drop(\.late) }
    }

    private func drop(_ kind: WritableKeyPath<Dropped, Int>) { state.withLock { $0.dropped[keyPath: kind] += 1 } }

    private static func answer(_ message: InboundMessage) -> PendingReply.Answer {
        guard message.type == RequestRefusal.type else { return .success(message) }
        do {
            let refusal = try RequestRefusal(payload: message.payload)
            return .failure(.refused(refusal.reason, isPassing: refusal.isPassing))
        } catch {
            return .failure(.unreadable("\(error)"))
        }
    }
}
