import Execution

/// When a gateway's worker has done what last, and is to do what next.
struct GatewayTimes {
    let poll: Duration
    /// Whether there may be payments that are due.
    var looks = true
    /// How many, at most; nil where that isn't known.
    var due: Int?
    /// Of writes of outcomes.
    var settling: ThreadTick
    var claimed = ContinuousClock.now - .seconds(1)
    /// The breaker wants no calls before.
    var closedUntil = ContinuousClock.now
    /// When a payment that this process has put off is due again.
    private var putOff: ContinuousClock.Instant?

    init(poll: Duration, pace: Ticking) {
        self.poll = poll
        settling = ThreadTick(pace)
    }

    /// When outcomes may be written. Asked by the worker's thread.
    mutating func settles() -> ContinuousClock.Instant {
        let now = ContinuousClock.now
        return now + settling.pause(at: now)
    }

    /// When to look without being asked to: for what others have left, too.
    var end: ContinuousClock.Instant {
        let now = ContinuousClock.now
        let poll = now + poll
        if looks { return closedUntil > now ? min(poll, closedUntil) : poll }
        return min(poll, putOff ?? poll)
    }

    /// Takes note of what the desk has given, or that nothing has come. A look for a number of payments takes as many
    /// places and leaves the others to what is committed meanwhile, which has none else and has to be looked for in its turn.
    mutating func note(_ work: GatewayDesk.Work) {
        let now = ContinuousClock.now
        let isDue = putOff.map { $0 <= now } ?? false
        if isDue { putOff = nil }
        let hasNothing = work.handed.isEmpty && work.ended.isEmpty && !work.mayBeDue
        // What others have left is looked for however much is handed over.
        if isDue || now >= claimed + poll || hasNothing {
            look()
        } else if work.mayBeDue {
            due = looks ? due.flatMap { known in work.due.map { known + $0 } } : work.due
            looks = true
        }
    }

    /// There may be any number of payments that are due.
    mutating func look() { (looks, due) = (true, nil) }

    mutating func putOff(for delay: Duration) {
        let at = ContinuousClock.now + delay
        putOff = min(putOff ?? at, at)
    }
}
