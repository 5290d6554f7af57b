#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A thread of our own, for work that blocks (libpq, librdkafka polls, epoll): the cooperative pool has one
/// thread a core, and a blocked one is lost to every task of the process.
public final class DedicatedThread: Sendable {
    private let finished = Monitor(false)
    public let name: String

    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void
        let thread: DedicatedThread
        init(name: String, thread: DedicatedThread, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.thread = thread
            self.body = body
        }
    }

    private init(name: String) { self.name = name }

    /// Starts `body` on a new detached thread. `name` shows in `top -H`, cut to 15 bytes there.
    @discardableResult
    public static func start(_ name: String, _ body: @escaping @Sendable () -> Void) -> DedicatedThread {
        let handle = DedicatedThread(name: name)
        let start = Unmanaged.passRetained(Start(name: name, thread: handle, body: body))
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, 1 << 20)
        defer { pthread_attr_destroy(&attributes) }
        #if canImport(Darwin)
            var thread: pthread_t?
        #else
            var thread = pthread_t()
        #endif
        let code = pthread_create(
            &thread, &attributes,
            { raw in
                #if canImport(Darwin)
                    let start = Unmanaged<Start>.fromOpaque(raw).takeRetainedValue()
                    pthread_setname_np(String(start.name.prefix(15)))
                #else
                    guard let raw else { return nil }
                    let start = Unmanaged<Start>.fromOpaque(raw).takeRetainedValue()
                    nameThisThread(start.name)
                #endif
                start.body()
                start.thread.finished.update { $0 = true }
                return nil
            }, start.toOpaque())
        // Out of threads or memory at start-up: nothing of the daemon could work.
        precondition(code == 0, "can't start thread \(name): error \(code)")
        return handle
    }

    /// Blocks the calling thread until the body returned. False when `timeout` passed first.
    @discardableResult
    public func join(timeout: Duration? = nil) -> Bool {
        finished.wait(for: timeout) { $0 ? true : nil } ?? false
    }

    /// Runs a blocking `body` on a thread of its own and waits for its result without blocking the caller's thread.
    public static func run<Value: Sendable>(
        _ name: String, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            start(name) { continuation.resume(with: Result { try body() }) }
        }
    }
}

#if !canImport(Darwin)
    /// `pthread_setname_np` hides behind _GNU_SOURCE, which Swift's Glibc module doesn't set; the kernel's file does the same.
    private func nameThisThread(_ name: String) {
        let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        defer { close(file) }
        let bytes = Array(name.utf8.prefix(15))
        _ = write(file, bytes, bytes.count)
    }
#endif
