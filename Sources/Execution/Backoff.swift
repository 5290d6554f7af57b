/// Capped exponential back-off with full jitter: the n-th delay is uniform in 0…min(cap, base·2ⁿ)
/// (Marc Brooker, "Exponential Backoff And Jitter"), with a floor so that a retry never spins.
public struct Backoff: Sendable {
    public let base: Duration
    public let cap: Duration
    public private(set) var attempt = 0

    public init(base: Duration = .milliseconds(100), cap: Duration = .seconds(10)) {
        self.base = base
        self.cap = cap
    }

    /// The delay before the next try; counts the attempt.
    public mutating func next() -> Duration {
        let delay = Self.delay(attempt: attempt, base: base, cap: cap)
        attempt += 1
        return delay
    }

    public mutating func reset() { attempt = 0 }

    /// The delay after `attempt` earlier failures.
    public static func delay(attempt: Int, base: Duration, cap: Duration) -> Duration {
        let ceiling = min(cap, base * (1 << min(attempt, 20)))
        return max(ceiling * Double.random(in: 0...1), base / 10)
    }
}
