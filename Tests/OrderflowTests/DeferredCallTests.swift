import Execution
import OrderflowKit
import Testing

@Suite struct DeferredCallTests {
    /// Each call reaches what was set, however many there were: on a stack of half a megabyte, as threads have that nobody
    /// gives more, none may go through what the former ones have left.
    @Test func theMillionthCallGoesAsDeepAsTheFirst() {
        let calls = Monitor(0)
        let call = DeferredCall()
        call()
        call.set { _ in calls.withLock { $0 += 1 } }
        for _ in 0..<1_000_000 { call() }
        #expect(calls.withLock { $0 } == 1_000_000)
    }
}
