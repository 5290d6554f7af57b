import Execution
import Testing

@Suite struct CircuitBreakerTests {
    private func breaker(
        threshold: Int = 3, cooldown: Duration, _ told: Monitor<[CircuitBreaker.State]> = Monitor([])
    ) -> CircuitBreaker {
        CircuitBreaker(name: "gateway", threshold: threshold, cooldown: cooldown) { state in
            told.withLock { $0.append(state) }
        }
    }

    @Test func failuresInARowOpenIt() throws {
        let told = Monitor<[CircuitBreaker.State]>([])
        let breaker = breaker(cooldown: .seconds(3600), told)
        for _ in 0..<2 {
            try breaker.permit()
            breaker.failed()
        }
        // A success in between begins the count anew.
        try breaker.permit()
        breaker.succeeded()
        for _ in 0..<3 {
            #expect(breaker.state == .closed)
            try breaker.permit()
            breaker.failed()
        }
        #expect(breaker.state == .open)
        #expect(told.withLock { $0 } == [.open])
        let refusal = #expect(throws: CircuitBreaker.Open.self) { try breaker.permit() }
        #expect(refusal?.name == "gateway")
        #expect(refusal.map { $0.retryAfter > .zero && $0.retryAfter <= .seconds(3600) } == true)
    }

    @Test func oneTrialDecides() throws {
        let told = Monitor<[CircuitBreaker.State]>([])
        let breaker = breaker(threshold: 1, cooldown: .zero, told)
        breaker.failed()
        try breaker.permit()
        #expect(breaker.state == .halfOpen)
        // The trial is under way: no other call is made meanwhile.
        #expect(throws: CircuitBreaker.Open.self) { try breaker.permit() }
        breaker.failed()
        #expect(breaker.state == .open)
        try breaker.permit()
        breaker.succeeded()
        #expect(breaker.state == .closed)
        try breaker.permit()
        #expect(told.withLock { $0 } == [.open, .halfOpen, .open, .halfOpen, .closed])
    }

    /// Nothing was learned of the dependency: the next call is the trial.
    @Test func anAbandonedTrialIsAnothersToMake() throws {
        let breaker = breaker(threshold: 1, cooldown: .zero)
        breaker.failed()
        try breaker.permit()
        breaker.abandoned()
        #expect(breaker.state == .open)
        try breaker.permit()
        #expect(breaker.state == .halfOpen)
    }

    /// Of calls that are under way when it opens, the later failures don't lengthen the pause.
    @Test func lateFailuresChangeNothing() {
        let told = Monitor<[CircuitBreaker.State]>([])
        let breaker = breaker(threshold: 2, cooldown: .seconds(3600), told)
        for _ in 0..<5 { breaker.failed() }
        #expect(told.withLock { $0 } == [.open])
    }
}
