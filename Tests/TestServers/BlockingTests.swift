import Execution
import Testing

/// For suites whose tests block their thread: on servers, other threads, time. Swift's cooperative pool has one thread
/// a core; a few blocked ones stop every task of the process, those that the tests wait for among them. Each test gets
/// threads of its own instead, and only a few tests run at once, or their time limits would measure the machine.
public struct BlockingTests: SuiteTrait, TestTrait, TestScoping {
    public let isRecursive = true

    private static let turns = Turns(4)

    public func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        await Self.turns.begin()
        let result: Result<Void, any Error>
        do {
            try await withTaskExecutorPreference(ThreadPerJob()) { try await function() }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await Self.turns.end()
        try result.get()
    }
}

extension Trait where Self == BlockingTests {
    /// The tests block: keep them off the cooperative pool.
    public static var blocking: BlockingTests { BlockingTests() }
}

/// Each piece of a task between suspensions gets a thread, so that blocking calls take none from the cooperative pool.
public final class ThreadPerJob: TaskExecutor {
    public init() {}

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        DedicatedThread.start("test") { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// So many at a time, in the order of asking.
private actor Turns {
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ count: Int) { free = count }

    func begin() async {
        if free > 0 {
            free -= 1
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    func end() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
}
