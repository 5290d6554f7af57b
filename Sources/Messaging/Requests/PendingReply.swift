import Execution
import Kafka

/// A request under way, and who waits for its answer. The first word counts.
final class PendingReply: Sendable {
    typealias Answer = Result<InboundMessage, RequestError>

    private enum State {
        case open
        case awaited(CheckedContinuation<Answer, Never>)
        case settled(Answer)
    }

    let message: OutgoingMessage
    let tenant: String
    private let state = Monitor(State.open)
    private let delivery = Monitor(false)

    init(_ message: OutgoingMessage, tenant: String) {
        self.message = message
        self.tenant = tenant
    }

    /// Whether the brokers have it.
    var isDelivered: Bool { delivery.withLock { $0 } }
    func delivered() { delivery.withLock { $0 = true } }

    /// Waits for it. Called once.
    func answer() async -> Answer {
        await withCheckedContinuation { continuation in
            let known = state.withLock { state -> Answer? in
                if case .settled(let answer) = state { return answer }
                state = .awaited(continuation)
                return nil
            }
            if let known { continuation.resume(returning: known) }
        }
    }

    /// False where it was settled already.
    @discardableResult
    func settle(_ answer: Answer) -> Bool {
        let (isFirst, waiting) = state.withLock { state -> (Bool, CheckedContinuation<Answer, Never>?) in
            switch state {
            case .settled: return (false, nil)
            case .open:
                state = .settled(answer)
                return (true, nil)
            case .awaited(let continuation):
                state = .settled(answer)
                return (true, continuation)
            }
        }
        waiting?.resume(returning: answer)
        return isFirst
    }
}
