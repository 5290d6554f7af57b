import Execution

/// When what wasn't accepted is tried again, and when no more.
struct RetryTerms: Sendable {
    /// Of one fact: the pauses double from the first to the longest.
    var base: Duration = .seconds(5)
    var cap: Duration = .seconds(3600)
    /// Of an endpoint that accepts nothing any more.
    var circuitCap: Duration = .seconds(900)
    /// Failed rounds in a row after which the circuit opens.
    var circuitAfter = 3
    /// How long an endpoint may go on accepting nothing, and a fact may be tried.
    var giveUpAfter: Duration = .seconds(3 * 24 * 3600)
    /// What `Retry-After` may ask for at most.
    var askedLimit: Duration = .seconds(3600)

    /// The pause after `failures` in a row: of a half to the whole of what has doubled so often, so that those which
    /// failed together don't come back together, and none at once.
    func pause(after failures: Int, cap: Duration) -> Duration {
        let ceiling = min(cap, base * (1 << max(0, min(failures - 1, 20))))
        return ceiling * Double.random(in: 0.5...1)
    }

    /// Whether it is over for something that has been tried in vain since then. Microseconds since the Unix epoch.
    func isOver(since first: Int64, at now: Int64) -> Bool { now.subtracting(first) >= giveUpAfter.microseconds }

    /// Why a webhook is suspended then, for its owner.
    func overdue(_ reason: String) -> String {
        "not accepted for \(giveUpAfter.components.seconds / 3600) hours; the last try: \(reason)"
    }
}

extension Int64 {
    /// Ends at the bounds: times from a database may be anything.
    fileprivate func subtracting(_ other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (self < other ? .min : .max) : difference
    }
}
