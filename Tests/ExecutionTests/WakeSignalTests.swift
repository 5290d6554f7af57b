import Execution
import Glibc
import TestServers
import Testing

@Suite(.blocking) struct WakeSignalTests {
    /// Whether a descriptor becomes readable within `milliseconds`.
    private static func isReadable(_ descriptor: Int32, within milliseconds: Int32) -> Bool {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&waiting, 1, milliseconds) == 1
    }

    @Test func raisedManyTimesItIsTakenOnce() {
        let signal = WakeSignal()
        #expect(!signal.isRaised && !signal.take() && !signal.wait(for: .zero))
        signal.raise()
        signal.raise()
        #expect(signal.isRaised && signal.take())
        #expect(!signal.isRaised && !signal.take())
        signal.raise()
        #expect(signal.wait(for: .seconds(3600)))
        #expect(!signal.isRaised)
    }

    @Test func itEndsAWaitAndAPoll() {
        let signal = WakeSignal()
        let isThere = Monitor(false)
        let isWell = Monitor(false)
        let waiter = DedicatedThread.start("waiter") {
            let first = signal.wait(for: .seconds(3600))
            var second = false
            signal.whilePolled { descriptor in
                isThere.update { $0 = true }
                second = Self.isReadable(descriptor, within: 60_000)
            }
            isWell.withLock { $0 = first && second && signal.isRaised }
        }
        signal.raise()
        #expect(isThere.wait(for: .seconds(30)) { $0 ? true : nil } == true)
        signal.raise()
        #expect(waiter.join(timeout: .seconds(30)) && isWell.withLock { $0 })
    }

    @Test func whereItIsRaisedNobodySleeps() {
        let signal = WakeSignal()
        signal.raise()
        var hasSlept = false
        signal.whilePolled { _ in hasSlept = true }
        #expect(!hasSlept && signal.take())
    }

    /// Whoever raises while the waiter wakes for another reason leaves nothing behind that would wake it for ever.
    @Test func noWakingIsLostOrLeft() {
        let signal = WakeSignal()
        let rounds = 2_000
        let (given, taken) = (Monitor(0), Monitor(0))
        let raisers = (0..<3).map { _ in
            DedicatedThread.start("raiser") {
                for _ in 0..<rounds {
                    given.withLock { $0 += 1 }
                    signal.raise()
                }
            }
        }
        let waiter = DedicatedThread.start("waiter") {
            while taken.withLock({ $0 }) < 3 * rounds {
                signal.whilePolled { _ = Self.isReadable($0, within: Int32.random(in: 0...1)) }
                if signal.take() { taken.withLock { $0 = given.withLock { $0 } } }
            }
        }
        for thread in raisers + [waiter] { #expect(thread.join(timeout: .seconds(60))) }
        _ = signal.take()
        signal.whilePolled { #expect(!Self.isReadable($0, within: 0)) }
    }
}
