import Execution
import TestServers
import Testing

@Suite(.blocking) struct StopSignalTests {
    @Test func observersRunOnceWhetherTheyComeBeforeOrAfter() {
        let stop = StopSignal()
        let heard = Monitor<[String]>([])
        stop.onStop { heard.withLock { $0.append("before") } }
        #expect(!stop.isStopped && heard.withLock { $0 }.isEmpty)
        stop.stop()
        stop.stop()
        stop.onStop { heard.withLock { $0.append("after") } }
        #expect(stop.isStopped)
        #expect(heard.withLock { $0 } == ["before", "after"])
    }

    @Test func itEndsWaits() {
        let stop = StopSignal()
        #expect(!stop.wait(for: .zero))
        let ended = Monitor<[Bool]>([])
        let threads = [nil, Duration.seconds(3600)].map { limit in
            DedicatedThread.start("wait") {
                let isStopped = stop.wait(for: limit)
                ended.withLock { $0.append(isStopped) }
            }
        }
        stop.stop()
        for thread in threads { #expect(thread.join(timeout: .seconds(30))) }
        #expect(ended.withLock { $0 } == [true, true])
        #expect(stop.wait(for: .zero) && stop.wait(for: nil))
    }

    /// An observer may look at the signal that it hears of.
    @Test func observersRunOutsideTheLock() {
        let stop = StopSignal()
        let seen = Monitor(false)
        stop.onStop { seen.withLock { $0 = stop.isStopped } }
        let thread = DedicatedThread.start("stop") { stop.stop() }
        #expect(thread.join(timeout: .seconds(30)))
        #expect(seen.withLock { $0 })
    }
}
