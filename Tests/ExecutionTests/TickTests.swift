import Execution
import Testing

/// When the next batch may begin, by a clock that tests set.
@Suite struct TickTests {
    private let start = ContinuousClock.now

    private func at(_ milliseconds: Int) -> Tick.Instant { start + .milliseconds(milliseconds) }

    /// When batches of no length begin, each wanted at once.
    private func beginnings(_ count: Int, of tick: inout Tick, from first: Int) -> [Duration] {
        var now = at(first)
        return (0..<count).map { _ in
            now += tick.pause(at: now)
            tick.begin(at: now)
            tick.end(at: now)
            return start.duration(to: now)
        }
    }

    @Test func theFirstAfterAQuietTimeDoesNotWait() {
        var tick = Tick(every: .milliseconds(25), at: start)
        #expect(tick.pause(at: start) == .zero)
        _ = beginnings(40, of: &tick, from: 0)
        #expect(tick.pause(at: at(10_000)) == .zero)
    }

    @Test func aFewFollowAtOnceAndThenOneATick() {
        var tick = Tick(every: .milliseconds(25), at: start)
        #expect(
            beginnings(6, of: &tick, from: 100) == [100, 100, 100, 125, 150, 175].map { Duration.milliseconds($0) })
        // Two quiet ticks are as much credit.
        #expect(beginnings(4, of: &tick, from: 250) == [250, 250, 250, 275].map { Duration.milliseconds($0) })
        #expect(beginnings(3, of: &tick, from: 325) == [325, 325, 350].map { Duration.milliseconds($0) })
    }

    @Test func whoHasToWaitBeginsAtItsPhase() {
        var tick = Tick(every: .milliseconds(25), phase: .milliseconds(8), from: start, at: start)
        #expect(
            beginnings(6, of: &tick, from: 100) == [100, 100, 100, 108, 133, 158].map { Duration.milliseconds($0) })
        // One that comes late is no reason for the next to.
        for late in [3, 7, 16, 24] {
            let now = at(158 + 25 + late)
            #expect(tick.pause(at: now) == .zero)
            tick.begin(at: now)
            tick.end(at: now)
            #expect(now + tick.pause(at: now) == at(158 + 50))
            tick = Tick(every: .milliseconds(25), phase: .milliseconds(8), from: start, at: start)
            _ = beginnings(6, of: &tick, from: 100)
        }
        // Short of processors, nobody waits for the others.
        tick.stretch(by: 2)
        #expect(beginnings(5, of: &tick, from: 403).suffix(2) == [453, 503].map { Duration.milliseconds($0) })
        tick.stretch(by: 1)
        #expect(beginnings(5, of: &tick, from: 503).suffix(2) == [658, 683].map { Duration.milliseconds($0) })
    }

    /// Whatever the moments at which work is there: no second has more beginnings than its ticks and the credit.
    @Test(arguments: [1, 3, 7, 26, 60], [nil, 0, 8]) func aSecondHasNoMoreThanItsTicks(every step: Int, phase: Int?) {
        var tick = Tick(
            every: .milliseconds(25), phase: phase.map { .milliseconds($0) }, from: start, at: start)
        var begun: [Tick.Instant] = []
        var now = at(0)
        while now < at(5_000) {
            now += max(tick.pause(at: now), .milliseconds(step))
            tick.begin(at: now)
            tick.end(at: now)
            begun.append(now)
        }
        for first in begun {
            let within = begun.count { $0 >= first && $0 < first + .seconds(1) }
            // With a phase the first of them may have come an interval early.
            #expect(within <= 40 + Tick.credit - (phase == nil ? 1 : 0))
        }
        #expect(begun.count >= 5_000 / max(step, 25))
    }

    /// Batches that are full begin one after the other. What comes after them waits for a tick, not for all of theirs.
    @Test func fullBatchesRunUpNoDebt() {
        var tick = Tick(every: .milliseconds(25), at: start)
        for number in 0..<1_000 {
            tick.begin(at: at(number))
            tick.end(at: at(number + 1))
        }
        #expect(tick.pause(at: at(1_000)) == .milliseconds(24))
    }

    @Test func aSlowBatchIsFollowedByAsMuchTimeAgain() {
        var tick = Tick(every: .milliseconds(25), at: start)
        tick.begin(at: at(0))
        tick.end(at: at(30))
        #expect(tick.pause(at: at(30)) == .milliseconds(30))
        #expect(beginnings(3, of: &tick, from: 30) == [60, 85, 110].map { Duration.milliseconds($0) })
        // Up to four ticks from its beginning, which a long one has behind it when it ends.
        tick.begin(at: at(1_000))
        tick.end(at: at(1_090))
        #expect(tick.pause(at: at(1_090)) == .milliseconds(10))
        tick.begin(at: at(2_000))
        tick.end(at: at(9_000))
        #expect(tick.pause(at: at(9_000)) == .zero)
    }

    /// Where processors are short, as far as that is still of use, and as usual when they aren't any more.
    @Test func aStretchedOneComesLater() {
        var tick = Tick(every: .milliseconds(25), at: start)
        _ = beginnings(3, of: &tick, from: 1_000)
        tick.stretch(by: 2)
        _ = beginnings(3, of: &tick, from: 1_200)
        #expect(beginnings(3, of: &tick, from: 1_200) == [1_250, 1_300, 1_350].map { Duration.milliseconds($0) })
        tick.stretch(by: 100)
        #expect(tick.interval == .milliseconds(200))
        tick.stretch(by: 1)
        #expect(beginnings(40, of: &tick, from: 1_350).suffix(2).reduce(.zero, { $1 - $0 }) == .milliseconds(25))
        var long = Tick(every: .milliseconds(400), at: start)
        long.stretch(by: 3)
        #expect(long.interval == .milliseconds(400))
    }

    @Test func oneWithoutAnIntervalNeverWaits() {
        var tick = Tick(every: .zero, at: start)
        #expect(beginnings(3, of: &tick, from: 5) == [5, 5, 5].map { Duration.milliseconds($0) })
        tick.begin(at: at(10))
        tick.end(at: at(500))
        #expect(tick.pause(at: at(500)) == .zero)
    }
}
