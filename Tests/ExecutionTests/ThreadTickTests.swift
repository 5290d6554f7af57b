import Testing

@testable import Execution

@Suite struct ThreadTickTests {
    private func gathering(after counts: Int..., of ticking: Ticking) -> Duration {
        var tick = ThreadTick(ticking)
        for count in counts {
            tick.begin(at: .now)
            tick.end(at: .now, of: count)
        }
        return tick.gathering
    }

    @Test func whatComesInBunchesIsTakenTogether() {
        let ticking = Ticking(every: .milliseconds(38))
        #expect(gathering(of: ticking) == .zero)
        #expect(gathering(after: 7, of: ticking) == Bunches.span)
        #expect(gathering(after: 7, 1, of: ticking) == .zero, "what comes one by one isn't held up")
        #expect(gathering(after: 1, 2, of: ticking) == Bunches.span)
    }

    @Test func nobodyGathersWhoseOthersAreThereOrWhoseTickIsShort() {
        #expect(gathering(after: 7, of: Ticking(every: .milliseconds(50), phase: .milliseconds(8))) == .zero)
        #expect(gathering(after: 7, of: Ticking(every: .milliseconds(4))) == .zero)
        #expect(gathering(after: 7, of: Ticking(every: .zero)) == .zero)
    }
}
