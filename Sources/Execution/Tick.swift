/// When a thread that works in batches may begin the next one.
///
/// A transaction or a publication of one record costs nearly as much as one of fifty. So a thread begins them `interval`
/// apart while work keeps coming: its work a second doesn't grow with what comes in until batches are full. After a
/// quiet time a few may follow each other at once, so that the first record of an order doesn't wait, nor the two that
/// it causes soon after. (The token bucket as "virtual scheduling", ITU-T I.371: one instant is all its state.)
///
/// Threads of many processes that hand work to each other may share one beat. Each then begins at a phase of its interval, by
/// a clock that all have in common: who puts something out does so right before those who wait for it begin, where it would lie
/// for half an interval otherwise, and that at each step of a way.
///
/// A value: it knows the time that it is told and sleeps nowhere.
public struct Tick: Sendable {
    public typealias Instant = ContinuousClock.Instant

    /// From one beginning to the next while work keeps coming.
    public private(set) var interval: Duration
    /// The same where nothing is short.
    private let usual: Duration
    /// Where in its interval a beginning comes that has to wait; nil: an interval behind the one before.
    private let phase: Duration?
    /// Where intervals with a phase are counted from.
    private let origin: Instant
    /// Beginnings that may follow each other at once after as many quiet intervals.
    public static let credit = 3
    /// The longest pause from the beginning of a batch that took long, in intervals.
    private static let longest = 4

    /// When all of the credit is there again.
    private var whole: Instant
    private var begun: Instant

    /// A full minute of the wall clock: the same beat in all processes of a machine, and of machines whose clocks agree.
    public static let minute: Instant = .now - .microseconds(WallClock.nowMicroseconds() % 60_000_000)

    /// - Parameters:
    ///   - phase: of an interval that a minute is a multiple of.
    ///   - origin: a moment at which intervals begin.
    public init(
        every interval: Duration, phase: Duration? = nil, from origin: Instant = Self.minute, at now: Instant = .now
    ) {
        self.interval = interval
        usual = interval
        self.phase = phase
        self.origin = origin
        whole = now
        begun = now
    }

    /// No interval is made longer than this.
    static let longestStretched: Duration = .milliseconds(200)

    /// From now on the interval is `factor` times as long as usual: for who is short of processors (`ProcessorStrain`). As
    /// long as it is, there is no phase: who stands in line had better not begin when all others do.
    public mutating func stretch(by factor: Double) {
        interval = max(usual, min(usual * factor, Self.longestStretched))
    }

    /// Notes that a batch begins.
    public mutating func begin(at now: Instant) {
        begun = now
        // Full batches follow each other without a pause; they run up no debt.
        whole = min(max(whole, now) + interval, now + interval * Self.credit)
    }

    /// Notes that the batch has ended. One that took more than half an interval tells of a busy machine: as much time
    /// again passes before the next one, which then has more in it, and there is no credit.
    public mutating func end(at now: Instant) {
        let apart = min(begun.duration(to: now) * 2, interval * Self.longest)
        guard apart > interval else { return }
        whole = max(whole, begun + apart + interval * (Self.credit - 1))
    }

    /// How long to wait before the next batch begins, if it isn't full already.
    public func pause(at now: Instant) -> Duration {
        let due = whole - interval * (Self.credit - 1)
        guard due > now else { return .zero }
        guard let phase, interval == usual else { return now.duration(to: due) }
        // Not behind it: who was late once would be late ever after.
        let intervals = ((origin.duration(to: due) - phase) / interval).rounded(.down)
        return max(.zero, now.duration(to: origin + phase + interval * Int(intervals)))
    }
}
