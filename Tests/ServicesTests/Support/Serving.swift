import Execution
import HTTPServer
import OrderflowKit

/// Serves `router` on a port while `body` runs; `parts` run meanwhile.
func serving<Value: Sendable>(
    _ router: Router, with parts: [ThreadGroup.Part], proxies: TrustedProxies = TrustedProxies(),
    observer: (any HTTPObserver)? = nil, _ body: (_ port: UInt16) async throws -> Value
) async throws -> Value {
    var configuration = HTTPServerConfiguration(host: "127.0.0.1", port: 0)
    configuration.proxies = proxies
    let server = HTTPServer(configuration, router: router, observer: observer, logger: quiet)
    let port = try server.start()[0].port
    let stop = StopSignal()
    let threads = DedicatedThread.start("parts") { try? ThreadGroup.run(parts, until: stop) }
    let result: Result<Value, any Error>
    do {
        result = .success(try await body(port))
    } catch {
        result = .failure(error)
    }
    await server.stop(deadline: .zero)
    stop.stop()
    _ = try await DedicatedThread.run("join") { threads.join(timeout: .seconds(10)) }
    return try result.get()
}

/// The same for a `client` that blocks: it runs on a thread of its own.
func serving(
    _ router: Router, with parts: [ThreadGroup.Part], proxies: TrustedProxies = TrustedProxies(),
    observer: (any HTTPObserver)? = nil, toBlocking client: @escaping @Sendable (_ port: UInt16) throws -> Void
) async throws {
    try await serving(router, with: parts, proxies: proxies, observer: observer) { port in
        try await DedicatedThread.run("client") { try client(port) }
    }
}

/// How many clients a server has seen the last of, whatever it had read of them by then.
final class ClientCount: HTTPObserver {
    private let left = Monitor(0)

    var haveLeft: Int { left.withLock { $0 } }

    func connectionClosed() { left.update { $0 += 1 } }
}

/// Lets in whom it is told.
struct FixedGate: AccessGate {
    let principal: Principal

    func admit(_ request: borrowing HTTPRequest, to need: RouteNeed) throws(HTTPProblem) -> Principal { principal }
}
