/// How often something may be done: so many at once, and then at a rate. A token bucket, kept as the time at which it
/// will be full again (the generic cell rate algorithm, ITU-T I.371 §A.1), which is one number and needs no clock tick.
package struct Quota: Sendable, Hashable {
    /// 1 to `largest`, a second.
    package let rate: Int
    /// 1 to `largest`, at once.
    package let burst: Int

    package static let largest = 1_000_000

    package init(rate: Int, burst: Int) {
        self.rate = min(max(rate, 1), Self.largest)
        self.burst = min(max(burst, 1), Self.largest)
    }

    /// One comes back after so many nanoseconds.
    private var interval: Int64 { 1_000_000_000 / Int64(rate) }

    /// What became of one request.
    package struct Verdict: Sendable, Hashable {
        package let isGranted: Bool
        /// So many more may come at once.
        package let remaining: Int
        /// Nanoseconds until there is one more than that.
        package let wait: Int64
    }

    /// Takes one token.
    ///
    /// - Parameters:
    ///   - full: when the bucket will be full, in nanoseconds of `now`'s clock; in the past for a full one.
    ///   - now: not above some centuries, so that nothing here overflows.
    func take(_ full: inout Int64, now: Int64) -> Verdict {
        let capacity = interval * Int64(burst)
        let next = max(full, now) + interval
        let over = next - now - capacity
        guard over <= 0 else { return Verdict(isGranted: false, remaining: 0, wait: over) }
        full = next
        return Verdict(isGranted: true, remaining: Int(-over / interval), wait: interval + over % interval)
    }

    /// Seconds from an empty bucket to a full one, at least 1.
    package var window: Int { (burst + rate - 1) / rate }
}
