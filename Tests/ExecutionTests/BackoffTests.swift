import Execution
import Testing

@Suite struct BackoffTests {
    /// The ceiling doubles up to the cap; jitter stays between a tenth of the base and the ceiling.
    @Test func delaysStayBetweenFloorAndCeiling() {
        let (base, cap) = (Duration.milliseconds(100), Duration.seconds(2))
        for attempt in [0, 1, 2, 3, 4, 5, 19, 20, 21, 63, 64, 1_000_000, Int.max] {
            let ceiling = min(cap, base * (1 << min(attempt, 5)))
            for _ in 0..<200 {
                let delay = Backoff.delay(attempt: attempt, base: base, cap: cap)
                #expect(delay >= .milliseconds(10) && delay <= ceiling, "\(attempt)")
            }
        }
    }

    /// Clients that failed together don't come back together.
    @Test func delaysDiffer() {
        let delays = (0..<100).map { _ in Backoff.delay(attempt: 10, base: .milliseconds(100), cap: .seconds(10)) }
        #expect(Set(delays).count > 50)
    }

    @Test func attemptsAreCountedUntilReset() {
        var backoff = Backoff(base: .milliseconds(1), cap: .seconds(1))
        for attempt in 0..<5 {
            #expect(backoff.attempt == attempt)
            _ = backoff.next()
        }
        backoff.reset()
        #expect(backoff.attempt == 0)
        #expect(backoff.next() <= .milliseconds(1))
    }
}
