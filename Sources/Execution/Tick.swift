/// When a thread that works in batches may begin the next one.
///
/// A transaction or a publication of one record costs nearly as much as one of fifty. So a thread begins them `interval`
/// apart while work keeps coming: its work a second doesn't grow with what comes in until batches are full. After a
/// quiet time a few may follow each other at once, so that the first record of an order doesn't wait, nor the two that
/// it causes soon after. (The token bucket as "virtual scheduling", ITU-T I.371: one instant is all its state.)
///
/// A value: it knows the time that it is told and sleeps nowhere.
public struct Tick: Sendable {
    public typealias Instant = ContinuousClock.Instant

    /// From one beginning to the next while work keeps coming.
    public private(set) var interval: Duration
    /// The same where nothing is short.
    private let usual: Duration
    /// Beginnings that may follow each other at once after as many quiet intervals.
    public static let credit = 3
    /// The longest pause from the beginning of a batch that took long, in intervals.
    private static let longest = 4

    /// When all of the credit is there again.
    private var whole: Instant
    private var begun: Instant

    public init(every interval: Duration, at now: Instant = .now) {
        self.interval = interval
        usual = interval
        whole = now
        begun = now
    }

    /// No interval is made longer than this.
    static let longestStretched: Duration = .milliseconds(200)

    /// From now on the interval is `factor` times as long as usual: for who is short of processors (`ProcessorStrain`).
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
        max(.zero, now.duration(to: whole - interval * (Self.credit - 1)))
    }
}
