/// How much longer the ticks of a thread are to be, because processors are short.
///
/// A transaction costs nearly the same for one record as for many. Where every thread waits for a processor, many small ones
/// are what they wait for: with fewer, larger ones the same work is done sooner. What a machine with processors to spare does
/// for the sake of a few milliseconds only makes a full one later.
///
/// For one thread, which asks it. On a system that doesn't tell of waits there is no strain.
struct ProcessorStrain: Sendable {
    /// So many times as long as it runs a thread may wait for processors before its ticks get longer: by half for each time
    /// more. A shop's threads on two processors wait two or three times as long for each other while those are busy for less
    /// than two thirds of the time, and ten times and more when they always are.
    static let borne = 3.0
    /// Ticks get no longer than so many times their length.
    static let most = 4.0
    /// Between two looks. After the longest the thread had too little to do to be of any use as a witness.
    private static let looks: (every: Duration, lapsing: Duration) = (.milliseconds(250), .seconds(2))
    /// To have run for so long is to know something.
    private static let evidence: Duration = .milliseconds(1)

    private var last: (times: ProcessorTimes, at: ContinuousClock.Instant)?
    /// Waits in times of running, the last looks' more than those before.
    private var ratio = 0.0

    /// By what ticks are to be multiplied: at least 1. To be asked by the thread itself.
    mutating func factor(at now: ContinuousClock.Instant) -> Double {
        if last.map({ $0.at.duration(to: now) >= Self.looks.every }) ?? true {
            look(ProcessorTimes.ofThisThread(), at: now)
        }
        return factor
    }

    var factor: Double { (1 + (ratio - Self.borne) / 2).clamped(to: 1...Self.most) }

    /// Takes note of what the thread had by `now`.
    mutating func look(_ times: ProcessorTimes?, at now: ContinuousClock.Instant) {
        guard let times else { return }
        guard let last, last.at.duration(to: now) <= Self.looks.lapsing else {
            last = (times, now)
            ratio = 0
            return
        }
        let ran = times.ran - last.times.ran
        guard ran >= Self.evidence else { return }
        ratio = (ratio + (times.waited - last.times.waited) / ran) / 2
        self.last = (times, now)
    }
}
