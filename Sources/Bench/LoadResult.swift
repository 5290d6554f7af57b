import Histogram

/// What came of a run.
public struct LoadResult: Sendable {
    /// Microseconds, of the answers with a 2xx status that were measured. In an open loop from the moment when the
    /// request was due, so that a server that stalls can't hide the requests which it kept from being sent
    /// (coordinated omission).
    public var latency = Histogram<UInt64>(highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: .three)
    /// 2xx answers while measuring.
    public var measured = 0
    /// How long was measured, in seconds.
    public var seconds = 0.0
    /// Answers by status, warm-up included.
    public var statuses: [Int: Int] = [:]
    /// Requests whose connection broke before the answer: nobody knows whether they were taken.
    public var unknown = 0
    /// Requests that were due but for which no connection was free until the end (open loop).
    public var unsent = 0

    /// Measured 2xx answers a second.
    public var perSecond: Double { seconds > 0 ? Double(measured) / seconds : 0 }
    public var created: Int { statuses[201] ?? 0 }
    /// Answers that are no success, and requests without one.
    public var errors: Int {
        statuses.reduce(into: unknown + unsent) { sum, entry in
            if !(200..<300).contains(entry.key) { sum += entry.value }
        }
    }
}
