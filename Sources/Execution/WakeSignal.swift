#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Wakes the one thread that waits for it, in `wait` or in a `poll(2)` beside a socket.
///
/// Raised any number of times it is taken once. Raising it costs a lock while the waiter is awake, and one system call
/// where it sleeps: from any thread, after every commit if need be.
public final class WakeSignal: Sendable {
    private struct State {
        var isRaised = false
        /// The waiter sleeps in `poll(2)`: a byte has to wake it.
        var isPolled = false
    }

    private let state = Monitor(State())
    private let pipe = Pipe()

    public init() {}

    public func raise() {
        let isPolled = state.update { state -> Bool in
            defer { state = State(isRaised: true) }
            return state.isPolled
        }
        if isPolled { pipe.write() }
    }

    /// Whether it was raised since it was last taken.
    public var isRaised: Bool { state.withLock { $0.isRaised } }

    /// Takes it. Whether there was anything to take.
    public func take() -> Bool {
        state.withLock { state in
            defer { state.isRaised = false }
            return state.isRaised
        }
    }

    /// Waits until it is raised, at most for `timeout`, and takes it. False when the time is up. Blocks the calling
    /// thread.
    public func wait(for timeout: Duration) -> Bool {
        state.wait(for: timeout) { state -> Bool? in
            guard state.isRaised else { return nil }
            state.isRaised = false
            return true
        } ?? false
    }

    /// Runs `body`, which waits in `poll(2)`, with a descriptor that becomes readable when the signal is raised. Doesn't
    /// run it where it is raised already. Takes nothing: what was raised is still there.
    ///
    /// The descriptor is -1, which `poll(2)` passes over, where the process has no more to give.
    public func whilePolled<Failure: Error>(_ body: (Int32) throws(Failure) -> Void) throws(Failure) {
        let isRaised = state.withLock { state in
            state.isPolled = !state.isRaised
            return state.isRaised
        }
        guard !isRaised else { return }
        defer {
            let wasWoken = state.withLock { state in
                defer { state.isPolled = false }
                return !state.isPolled
            }
            if wasWoken { pipe.read() }
        }
        try body(pipe.readEnd)
    }
}

/// One byte at most lies in it: it is written once for each time that the waiter goes to sleep, and read when it wakes.
private final class Pipe: Sendable {
    let readEnd: Int32
    private let writeEnd: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        if pipe(&ends) != 0 { ends = [-1, -1] }
        for end in ends where end >= 0 { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        readEnd = ends[0]
        writeEnd = ends[1]
    }

    deinit {
        guard readEnd >= 0 else { return }
        close(readEnd)
        close(writeEnd)
    }

    func write() { once { Glibc.write(writeEnd, $0, 1) } }

    /// Waits for a byte that is on its way: who raises the signal writes it after having said so.
    func read() { once { Glibc.read(readEnd, $0, 1) } }

    private func once(_ call: (UnsafeMutablePointer<UInt8>) -> Int) {
        guard readEnd >= 0 else { return }
        var byte: UInt8 = 1
        while call(&byte) < 0, errno == EINTR {}
    }
}
