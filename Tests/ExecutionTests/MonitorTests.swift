import Execution
import TestServers
import Testing

@Suite(.blocking) struct MonitorTests {
    @Test func threadsChangeTheStateOneAfterTheOther() {
        let count = Monitor(0)
        let threads = (0..<8).map { _ in
            DedicatedThread.start("count") { for _ in 0..<2_000 { count.withLock { $0 += 1 } } }
        }
        for thread in threads { #expect(thread.join(timeout: .seconds(30))) }
        #expect(count.withLock { $0 } == 16_000)
    }

    @Test func whatIsThereIsTakenWithoutWaiting() {
        let items = Monitor([1, 2])
        #expect(items.wait(for: .zero) { $0.isEmpty ? nil : $0.removeFirst() } == 1)
        #expect(items.wait(for: nil) { $0.isEmpty ? nil : $0.removeFirst() } == 2)
        #expect(items.wait(for: .zero) { $0.isEmpty ? nil : $0.removeFirst() } == nil)
    }

    @Test func anUpdateWakesAllWhoWait() {
        let gate = Monitor(false)
        let through = Monitor(0)
        let threads = (0..<4).map { _ in
            DedicatedThread.start("wait") {
                _ = gate.wait(for: nil) { $0 ? true : nil }
                through.update { $0 += 1 }
            }
        }
        gate.update { $0 = true }
        for thread in threads { #expect(thread.join(timeout: .seconds(30))) }
        #expect(through.withLock { $0 } == 4)
    }

    /// A look comes at once, with each update and at the time that the last one named, and at no other.
    @Test func aLookSaysWhenToLookAgain() {
        let word = Monitor(0)
        let looks = Monitor(0)
        let thread = DedicatedThread.start("look") {
            let taken = word.wait { word, _ -> Look<Int> in
                looks.update { $0 += 1 }
                return word == 0 ? .nothing : .taken(word)
            }
            looks.update { $0 += taken }
        }
        #expect(looks.wait(for: .seconds(20)) { $0 == 1 ? true : nil } == true)
        word.update { $0 = 40 }
        #expect(thread.join(timeout: .seconds(30)))
        #expect(looks.withLock { $0 } == 42)

        let start = ContinuousClock.now
        var times: [ContinuousClock.Instant] = []
        let plan: [Duration] = [.milliseconds(20), .zero, .seconds(-1)]
        word.wait { _, now -> Look<Void> in
            times.append(now)
            return times.count > plan.count ? .taken(()) : .again(at: start + plan[times.count - 1])
        }
        #expect(times.count == 4 && times[1] >= start + .milliseconds(20))
    }

    /// One woken waiter an item is enough, and no item is left.
    @Test func updatesForOneHandOutEverything() {
        let items = Monitor<[Int]>([])
        let taken = Monitor<[Int]>([])
        let threads = (0..<4).map { _ in
            DedicatedThread.start("take") {
                while let item = items.wait(for: nil, { $0.isEmpty ? nil : $0.removeFirst() }), item >= 0 {
                    taken.withLock { $0.append(item) }
                }
            }
        }
        for item in 0..<1_000 { items.updateForOne { $0.append(item) } }
        for _ in threads { items.updateForOne { $0.append(-1) } }
        for thread in threads { #expect(thread.join(timeout: .seconds(30))) }
        #expect(taken.withLock { $0.sorted() } == Array(0..<1_000))
    }

    @Test func aThrownErrorLeavesTheLockFree() {
        struct Mishap: Error {}
        let state = Monitor(1)
        #expect(throws: Mishap.self) { try state.withLock { _ in throw Mishap() } }
        #expect(throws: Mishap.self) { try state.update { _ in throw Mishap() } }
        #expect(state.withLock { $0 } == 1)
    }

    /// A limit beyond all clocks is no trap, and no limit in the past.
    @Test func absurdLimitsAreLimits() {
        let state = Monitor(false)
        let waiting = DedicatedThread.start("wait") {
            _ = state.wait(for: .seconds(Int64.max / 2)) { $0 ? true : nil }
        }
        state.update { $0 = true }
        #expect(waiting.join(timeout: .seconds(30)))
        #expect(state.wait(for: .seconds(-5)) { $0 ? nil : true } == nil)
    }
}
