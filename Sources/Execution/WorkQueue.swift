import DequeModule

/// Work that waits for one of a few threads: what may block has threads of its own, and a bound.
public final class WorkQueue<Work: Sendable>: Sendable {
    private let limit: Int
    private let waiting = Monitor<Deque<Work>>([])

    /// - Parameter limit: how much may wait.
    public init(limit: Int) { self.limit = limit }

    /// False, and nothing is queued, where as much waits already. From any thread; doesn't block.
    public func add(_ work: Work) -> Bool {
        waiting.update { waiting in
            guard waiting.count < limit else { return false }
            waiting.append(work)
            return true
        }
    }

    /// Does what is queued, the oldest first, until `stop` and until nothing is left. Blocks the calling thread; any
    /// number of threads may share a queue.
    public func run(until stop: StopSignal, _ body: (Work) -> Void) {
        stop.onStop { [waiting] in waiting.update { _ in } }
        while true {
            let next = waiting.wait(for: nil) { waiting -> Work?? in
                if !waiting.isEmpty { return .some(waiting.removeFirst()) }
                return stop.isStopped ? .some(nil) : nil
            }
            guard let work = next ?? nil else { return }
            body(work)
        }
    }
}
