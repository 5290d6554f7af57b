/// How far apart a thread's batches begin (`Tick`).
public struct Ticking: Sendable, Equatable {
    /// From one beginning to the next while work keeps coming.
    public var interval: Duration
    /// Where in its interval a beginning comes that has to wait; nil: an interval behind the one before.
    public var phase: Duration?

    public init(every interval: Duration, phase: Duration? = nil) {
        self.interval = interval
        self.phase = phase
    }
}
