/// The tick of one thread, longer while that thread waits for processors.
public struct ThreadTick: Sendable {
    private var tick: Tick
    private var strain = ProcessorStrain()
    private var bunches: Bunches?

    public init(_ ticking: Ticking) {
        tick = Tick(every: ticking.interval, phase: ticking.phase)
        // At its phase the others are there, too, and within short ticks it would be most of them.
        if ticking.phase == nil, ticking.interval >= Bunches.span * 4 { bunches = Bunches() }
    }

    /// Notes that a batch begins.
    public mutating func begin(at now: Tick.Instant) { tick.begin(at: now) }

    /// Notes that the batch has ended, and how much was in it.
    public mutating func end(at now: Tick.Instant, of count: Int = 1) {
        tick.end(at: now)
        bunches?.note(count)
    }

    /// How long the first of a batch that needn't wait for its tick is to wait for what comes with it.
    public var gathering: Duration { bunches?.gathering ?? .zero }

    /// How long to wait before the next batch begins, if it isn't full already. To be asked by the thread itself.
    ///
    /// - Parameter isUsual: the tick has its usual length, however short processors are.
    public mutating func pause(at now: Tick.Instant, isUsual: Bool = false) -> Duration {
        tick.stretch(by: isUsual ? 1 : strain.factor(at: now))
        return tick.pause(at: now)
    }
}
