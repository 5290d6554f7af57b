import Testing

@testable import Kafka

/// When answers to fetches pass, by a clock that tests set.
@Suite struct FetchGateTests {
    private let now = ContinuousClock.now
    private var limit: ContinuousClock.Instant { now + .milliseconds(100) }

    @Test func whatIsWaitedForPasses() {
        var gate = FetchGate(isAwaited: true)
        #expect(gate.holdsBack(until: limit, at: now) == nil)
        gate.wanted(in: .seconds(1), at: now)
        #expect(gate.holdsBack(until: limit, at: now) == nil)
    }

    @Test func aBusyConsumerHoldsBackUpToTheLimit() {
        let gate = FetchGate(isAwaited: false)
        #expect(gate.holdsBack(until: limit, at: now) == .milliseconds(100))
        #expect(gate.holdsBack(until: limit, at: now + .milliseconds(60)) == .milliseconds(40))
        #expect(gate.holdsBack(until: limit, at: limit) == nil)
    }

    /// Early enough for one more fetch to bring what came meanwhile.
    @Test(arguments: [(25, 22), (8, 5), (4, 2), (1_000, 100)]) func answersPassShortlyBeforeTheyAreWanted(
        pause: Int, passing: Int
    ) {
        var gate = FetchGate(isAwaited: false)
        gate.wanted(in: .milliseconds(pause), at: now)
        #expect(gate.holdsBack(until: limit, at: now) == .milliseconds(passing))
        #expect(gate.holdsBack(until: limit, at: now + .milliseconds(passing)) == nil)
    }

    @Test func wantedAtOnceIsNotHeldBack() {
        var gate = FetchGate(isAwaited: false)
        gate.wanted(in: .zero, at: now)
        #expect(gate.holdsBack(until: limit, at: now) == nil)
        #expect(gate.letsLie(until: limit, at: now) == nil)
    }

    /// Behind the answers, so that all that they bring is taken at once.
    @Test(arguments: [(25, 24), (8, 7), (2, 1), (1_000, 100)]) func recordsAreTakenShortlyBeforeTheyAreWanted(
        pause: Int, taking: Int
    ) throws {
        var gate = FetchGate(isAwaited: false)
        #expect(gate.letsLie(until: limit, at: now) == .milliseconds(100))
        gate.wanted(in: .milliseconds(pause), at: now)
        let lying = try #require(gate.letsLie(until: limit, at: now))
        #expect(lying > .milliseconds(taking - 1) && lying <= .milliseconds(taking) + .microseconds(500))
        #expect(gate.holdsBack(until: limit, at: now).map { $0 <= lying } == true)
        #expect(gate.letsLie(until: limit, at: now + lying) == nil)
    }

    @Test func whatIsWaitedForOrMuchIsTakenAtOnce() {
        #expect(FetchGate(isAwaited: true).letsLie(until: limit, at: now) == nil)
        var gate = FetchGate(isAwaited: false)
        gate.hasMuch = true
        gate.wanted(in: .seconds(1), at: now)
        #expect(gate.letsLie(until: limit, at: now) == nil)
    }
}
