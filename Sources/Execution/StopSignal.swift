/// Says "stop" once, to any number of threads. A thread that would sleep waits here instead,
/// so that a shutdown never waits for a back-off to end.
public final class StopSignal: Sendable {
    private struct State {
        var stopped = false
        var observers: [@Sendable () -> Void] = []
    }

    private let state = Monitor(State())

    public init() {}

    public var isStopped: Bool { state.withLock { $0.stopped } }

    /// Idempotent. Observers run once, on the calling thread.
    public func stop() {
        let observers = state.update { state -> [@Sendable () -> Void] in
            guard !state.stopped else { return [] }
            state.stopped = true
            defer { state.observers = [] }
            return state.observers
        }
        for observer in observers { observer() }
    }

    /// Sleeps for `duration` or until stopped. Returns true when stopped. Blocks the calling thread.
    @discardableResult
    public func wait(for duration: Duration?) -> Bool {
        state.wait(for: duration) { $0.stopped ? true : nil } ?? false
    }

    /// Waits until stopped without blocking a thread.
    public func stopped() async {
        await withCheckedContinuation { continuation in onStop { continuation.resume() } }
    }

    /// Runs `observer` when stopped; at once when that has happened already.
    public func onStop(_ observer: @escaping @Sendable () -> Void) {
        let runNow = state.withLock { state -> Bool in
            if state.stopped { return true }
            state.observers.append(observer)
            return false
        }
        if runNow { observer() }
    }
}
