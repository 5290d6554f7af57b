/// Stops calling a dependency that keeps failing (Nygard, "Release It!"): closed → open after `threshold`
/// failures in a row → half-open after `cooldown`, when one trial call decides.
public final class CircuitBreaker: Sendable {
    public enum State: String, Sendable, CaseIterable {
        case closed, halfOpen = "half_open", open
    }

    /// The call was not made.
    public struct Open: Error, Sendable, CustomStringConvertible {
        public let name: String
        public let retryAfter: Duration
        public var description: String { "circuit \(name) is open, next trial in \(retryAfter)" }
    }

    private struct Inner {
        var failures = 0
        var openedAt: ContinuousClock.Instant?
        var trialInFlight = false
    }

    public let name: String
    public let threshold: Int
    public let cooldown: Duration
    private let inner = Monitor(Inner())
    private let onChange: @Sendable (State) -> Void

    public init(
        name: String, threshold: Int = 5, cooldown: Duration = .seconds(5),
        onChange: @escaping @Sendable (State) -> Void = { _ in }
    ) {
        self.name = name
        self.threshold = threshold
        self.cooldown = cooldown
        self.onChange = onChange
    }

    public var state: State {
        inner.withLock { inner in
            if inner.openedAt == nil { return .closed }
            return inner.trialInFlight ? .halfOpen : .open
        }
    }

    /// Asks to make one call. Every permitted call must end in `succeeded()`, `failed()` or `abandoned()`.
    public func permit() throws(Open) {
        let now = ContinuousClock.now
        let refusal: Duration?? = inner.withLock { inner in
            guard let openedAt = inner.openedAt else { return .none }
            let wait = now.duration(to: openedAt + cooldown)
            if wait > .zero || inner.trialInFlight { return .some(max(wait, .milliseconds(100))) }
            inner.trialInFlight = true
            return .some(nil)
        }
        switch refusal {
        case .none: return
        case .some(.none): onChange(.halfOpen)
        case .some(.some(let wait)): throw Open(name: name, retryAfter: wait)
        }
    }

    /// The permitted call was not made: nothing is known of the dependency, and the trial is another call's to make.
    public func abandoned() {
        inner.withLock { $0.trialInFlight = false }
    }

    public func succeeded() {
        let closed = inner.withLock { inner in
            defer { inner = Inner() }
            return inner.openedAt != nil
        }
        if closed { onChange(.closed) }
    }

    public func failed() {
        let opened = inner.withLock { inner in
            inner.failures += 1
            guard inner.trialInFlight || (inner.openedAt == nil && inner.failures >= threshold) else { return false }
            inner.trialInFlight = false
            inner.openedAt = .now
            return true
        }
        if opened { onChange(.open) }
    }
}
