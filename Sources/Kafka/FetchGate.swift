/// Whether answers to a consumer's fetches pass, or are held back until it wants records.
struct FetchGate: Equatable {
    /// For a fetch there and back: so long before records are wanted answers pass again, at most.
    static let lead: Duration = .milliseconds(3)

    /// Records are waited for.
    let isAwaited: Bool
    /// When answers pass though none are waited for; nil while that isn't known.
    private var opens: ContinuousClock.Instant?

    init(isAwaited: Bool) { self.isAwaited = isAwaited }

    /// Records will be wanted after `pause`.
    mutating func wanted(in pause: Duration, at now: ContinuousClock.Instant) {
        opens = now + pause - min(Self.lead, pause / 2)
    }

    /// How long to hold an answer back, as far as is known now; nil for one that passes.
    ///
    /// - Parameter limit: when it passes in any case.
    func holdsBack(until limit: ContinuousClock.Instant, at now: ContinuousClock.Instant) -> Duration? {
        let end = min(opens ?? limit, limit)
        return isAwaited || now >= end ? nil : now.duration(to: end)
    }
}
