/// The tick of one thread, longer while that thread waits for processors.
public struct ThreadTick: Sendable {
    private var tick: Tick
    private var strain = ProcessorStrain()

    public init(_ ticking: Ticking) { tick = Tick(every: ticking.interval, phase: ticking.phase) }

    /// Notes that a batch begins.
    public mutating func begin(at now: Tick.Instant) { tick.begin(at: now) }

    /// Notes that the batch has ended.
    public mutating func end(at now: Tick.Instant) { tick.end(at: now) }

    /// How long to wait before the next batch begins, if it isn't full already. To be asked by the thread itself.
    ///
    /// - Parameter isUsual: the tick has its usual length, however short processors are.
    public mutating func pause(at now: Tick.Instant, isUsual: Bool = false) -> Duration {
        tick.stretch(by: isUsual ? 1 : strain.factor(at: now))
        return tick.pause(at: now)
    }
}
