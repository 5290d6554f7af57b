import Execution
import Logging

/// A small, strict HTTP/1.1 server (RFC 9110, 9112) for Linux.
///
/// Each event loop is one thread with one epoll instance and its own listening socket; a connection stays on its
/// loop. A request is parsed in the connection's buffer and given to its handler, which runs on the loop and answers
/// now or, by the `Responder`, later from another thread. One request of a connection is in flight at a time, so that
/// answers keep the order of the requests, and what a client sends ahead stays in the kernel's buffer. Whatever is
/// ambiguous in a request is refused, and every size and time has a limit: `HTTPServerConfiguration`.
public final class HTTPServer: Sendable {
    private enum Lifecycle {
        case idle
        case running([EventLoop])
        case stopped
    }

    private struct Ending {
        var running = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let environment: ServerEnvironment
    private let lifecycle = Monitor(Lifecycle.idle)
    /// Shared with the loops' threads, which must not keep the server alive.
    private let ending = Monitor(Ending())

    public init(
        _ configuration: HTTPServerConfiguration, router: Router, observer: (any HTTPObserver)? = nil,
        logger: Logger = Logger(label: "orderflow.http")
    ) {
        configuration.validate()
        environment = ServerEnvironment(
            configuration: configuration, router: router, observer: observer, logger: logger,
            census: ConnectionCensus(configuration.limits), budget: OutputBudget(configuration.limits),
            times: ServerEnvironment.Times(configuration.timeouts))
    }

    /// Stops at once: nobody can call `stop` any more.
    deinit {
        lifecycle.withLock { lifecycle in
            if case .running(let loops) = lifecycle { Self.tell(loops, deadline: .zero) }
        }
    }

    /// Connections open now, for metrics.
    public var openConnections: Int { environment.census.open }

    /// Bytes of answers and events that clients haven't taken, for metrics.
    public var unsentBytes: Int { environment.budget.held }

    /// Binds and starts to serve; once. Returns the bound addresses, with the real port where 0 was asked for.
    public func start() throws(HTTPServerError) -> [SocketAddress] {
        try lifecycle.withLock { lifecycle throws(HTTPServerError) in
            guard case .idle = lifecycle else { throw .alreadyStarted }
            let listeners = try Listeners.open(environment.configuration)
            let loops = try makeLoops(listeners)
            ending.withLock { $0.running = loops.count }
            for (index, loop) in loops.enumerated() {
                DedicatedThread.start("http-\(index)") { [ending] in
                    loop.run()
                    Self.loopEnded(ending)
                }
            }
            lifecycle = .running(loops)
            environment.logger.info(
                "http_listening",
                metadata: [
                    "addresses": "\(listeners.addresses.map(\.description).joined(separator: " "))",
                    "loops": "\(loops.count)",
                ])
            return listeners.addresses
        }
    }

    /// Stops accepting, drops idle connections and event streams, and returns when every request in flight is answered
    /// or `deadline` has passed; then the rest is cut off. At once when nothing is in flight. May be called again, with
    /// a shorter deadline too.
    public func stop(deadline: Duration = .seconds(10)) async {
        lifecycle.withLock { lifecycle in
            switch lifecycle {
            case .running(let loops): Self.tell(loops, deadline: deadline)
            case .idle, .stopped: lifecycle = .stopped
            }
        }
        await withCheckedContinuation { continuation in
            let hasEnded = ending.withLock { ending in
                if ending.running > 0 { ending.waiting.append(continuation) }
                return ending.running == 0
            }
            if hasEnded { continuation.resume() }
        }
    }

    private func makeLoops(_ listeners: Listeners) throws(HTTPServerError) -> [EventLoop] {
        do throws(HTTPServerError) {
            var loops: [EventLoop] = []
            for sockets in listeners.sockets { loops.append(try EventLoop(environment, listeners: sockets)) }
            return loops
        } catch {
            listeners.close()
            throw error
        }
    }

    private static func tell(_ loops: [EventLoop], deadline: Duration) {
        let deadline = EventLoop.clock() + (deadline > .zero ? ServerEnvironment.Times.nanoseconds(deadline) : 0)
        for loop in loops { _ = loop.mailbox.post(.stop(deadline: deadline)) }
    }

    private static func loopEnded(_ ending: Monitor<Ending>) {
        let waiting = ending.withLock { ending -> [CheckedContinuation<Void, Never>] in
            ending.running -= 1
            guard ending.running == 0 else { return [] }
            defer { ending.waiting = [] }
            return ending.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
