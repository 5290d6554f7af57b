/// An answer that one task waits for, and that any thread may give: the first one counts.
public final class FirstAnswer<Answer: Sendable>: Sendable {
    private enum State {
        case open
        case awaited(CheckedContinuation<Answer, Never>)
        case settled(Answer)
    }

    private let state = Monitor(State.open)

    public init() {}

    public var isSettled: Bool { state.withLock { if case .settled = $0 { true } else { false } } }

    /// Waits for it. Called once.
    public func value() async -> Answer {
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
    public func settle(_ answer: Answer) -> Bool {
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
