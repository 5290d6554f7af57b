import Execution
import Foundation
import TestServers
import Testing

/// Threads, and parts that live and die together.
@Suite(.blocking) struct ThreadTests {
    private struct Mishap: Error {}

    private static func ownName() throws -> String {
        try String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8).trimmingCharacters(in: .newlines)
    }

    @Test func aThreadHasItsNameAsFarAsItFits() async throws {
        #expect(try await DedicatedThread.run("short") { try Self.ownName() } == "short")
        #expect(try await DedicatedThread.run("much-longer-than-fifteen") { try Self.ownName() } == "much-longer-tha")
    }

    @Test func aJoinEndsWithTheBodyOrTheLimit() {
        let gate = StopSignal()
        let thread = DedicatedThread.start("gate") { gate.wait(for: nil) }
        #expect(!thread.join(timeout: .zero))
        gate.stop()
        #expect(thread.join(timeout: .seconds(30)))
        // Again, and by as many as want to know.
        #expect(thread.join())
    }

    @Test func whatABodyReturnsOrThrowsIsHandedOn() async throws {
        #expect(try await DedicatedThread.run("value") { 42 } == 42)
        await #expect(throws: Mishap.self) { try await DedicatedThread.run("mishap") { throw Mishap() } }
    }

    @Test func aFailedPartStopsTheOthersAndIsNamed() {
        let ended = Monitor<Set<String>>([])
        func steady(_ name: String) -> ThreadGroup.Part {
            ThreadGroup.Part(name) { stop in
                stop.wait(for: nil)
                ended.withLock { _ = $0.insert(name) }
            }
        }
        let failed = #expect(throws: ThreadGroup.PartFailed.self) {
            try ThreadGroup.run(
                [steady("a"), ThreadGroup.Part("weak") { _ in throw Mishap() }, steady("b")], until: StopSignal())
        }
        #expect(failed?.part == "weak" && failed?.cause is Mishap)
        #expect(ended.withLock { $0 } == ["a", "b"])
    }

    @Test func aStopEndsAllAndIsNoFailure() async throws {
        let stop = StopSignal()
        let begun = Monitor(0)
        let parts = (0..<3).map { number in
            ThreadGroup.Part("part-\(number)") { stop in
                begun.update { $0 += 1 }
                stop.wait(for: nil)
            }
        }
        let failure = Monitor<String?>(nil)
        let group = DedicatedThread.start("group") {
            do {
                try ThreadGroup.run(parts, until: stop)
            } catch {
                failure.withLock { $0 = "\(error)" }
            }
        }
        #expect(begun.wait(for: .seconds(30)) { $0 == 3 ? true : nil } == true)
        stop.stop()
        #expect(group.join(timeout: .seconds(30)))
        #expect(failure.withLock { $0 } == nil)
        // One that is started when all is over ends at once.
        try ThreadGroup.run(parts, until: stop)
    }

    /// A part that has done its work takes nobody with it.
    @Test func aPartThatReturnsLeavesTheOthers() throws {
        let isDone = StopSignal()
        let stop = StopSignal()
        let order = Monitor<[String]>([])
        try ThreadGroup.run(
            [
                ThreadGroup.Part("quick") { _ in
                    order.withLock { $0.append("quick") }
                    isDone.stop()
                },
                ThreadGroup.Part("steady") { own in
                    isDone.wait(for: nil)
                    order.withLock { $0.append(own.isStopped ? "stopped" : "goes on") }
                    stop.stop()
                },
            ], until: stop)
        #expect(order.withLock { $0 } == ["quick", "goes on"])
        try ThreadGroup.run([], until: StopSignal())
    }
}
