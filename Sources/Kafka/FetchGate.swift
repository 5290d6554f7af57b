/// Whether answers to a consumer's fetches pass, or are held back until it wants records, and when what they have brought
/// is taken out of librdkafka.
struct FetchGate {
    /// For a fetch there and back: so long before records are wanted answers pass again, at most.
    static let lead: Duration = .milliseconds(3)
    /// So long before records are wanted those that have come are taken, at most.
    static let takingLead: Duration = .milliseconds(1)

    /// Records are waited for.
    let isAwaited: Bool
    /// A large answer has come: it isn't left lying.
    var hasMuch = false
    /// Of what happens though no records are waited for; nil while they aren't known.
    private var times: Times?

    private struct Times: Equatable {
        /// When answers pass.
        let opens: ContinuousClock.Instant
        /// When records are taken.
        let takes: ContinuousClock.Instant
    }

    init(isAwaited: Bool) { self.isAwaited = isAwaited }

    /// Records will be wanted after `pause`.
    mutating func wanted(in pause: Duration, at now: ContinuousClock.Instant) {
        let wanted = now + pause
        times = Times(
            opens: wanted - min(Self.lead, pause / 2), takes: wanted - min(Self.takingLead, pause / 4))
    }

    /// How long to hold an answer back, as far as is known now; nil for one that passes.
    ///
    /// - Parameter limit: when it passes in any case.
    func holdsBack(until limit: ContinuousClock.Instant, at now: ContinuousClock.Instant) -> Duration? {
        isAwaited ? nil : Self.left(until: times?.opens, limit, at: now)
    }

    /// How long records that have come may lie before they are taken, as far as is known now; nil where they are taken now.
    ///
    /// - Parameter limit: when they are in any case.
    func letsLie(until limit: ContinuousClock.Instant, at now: ContinuousClock.Instant) -> Duration? {
        isAwaited || hasMuch ? nil : Self.left(until: times?.takes, limit, at: now)
    }

    private static func left(
        until time: ContinuousClock.Instant?, _ limit: ContinuousClock.Instant, at now: ContinuousClock.Instant
    ) -> Duration? {
        let end = min(time ?? limit, limit)
        return now >= end ? nil : now.duration(to: end)
    }
}
