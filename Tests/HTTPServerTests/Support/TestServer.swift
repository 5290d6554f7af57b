import Execution
import Glibc
import HTTPServer
import Logging
import Testing

import class TestServers.ThreadPerJob

/// A server for one test, on a free port, with every time limit a minute unless the test shortens it: then only the
/// limit under test can be what fired.
struct TestServer: Sendable {
    let server: HTTPServer
    let port: UInt16
    let routes: TestRoutes

    /// Runs `body` on a thread of its own, since raw clients block, and stops the server.
    static func run(
        observer: (any HTTPObserver)? = nil,
        _ configure: (inout HTTPServerConfiguration) -> Void = { _ in },
        _ body: @escaping @Sendable (TestServer) async throws -> Void
    ) async throws {
        var configuration = HTTPServerConfiguration(host: "127.0.0.1", port: 0)
        configuration.loops = 2
        configuration.timeouts.head = .seconds(60)
        configuration.timeouts.body = .seconds(60)
        configuration.timeouts.idle = .seconds(60)
        configuration.timeouts.write = .seconds(60)
        configuration.timeouts.linger = .seconds(60)
        configuration.timeouts.heartbeat = .seconds(60)
        configure(&configuration)
        let routes = TestRoutes()
        let server = HTTPServer(
            configuration, router: routes.router(), observer: observer,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let port = try server.start()[0].port
        let result: Result<Void, any Error>
        do {
            try await withTaskExecutorPreference(ThreadPerJob()) {
                try await body(TestServer(server: server, port: port, routes: routes))
            }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await server.stop(deadline: .zero)
        try result.get()
    }

    func client(receiveBuffer: Int32? = nil) throws -> RawClient {
        try RawClient(port: port, receiveBuffer: receiveBuffer)
    }

    /// Sends one request on a connection of its own and reads up to the server's close.
    func exchange(_ request: String) throws -> [RawResponse] {
        let client = try client()
        try client.send(request)
        client.finishSending()
        return try RawResponse.all(client.receiveAll())
    }
}

/// Waits until `condition` holds, for at most ten seconds.
func eventually(_ what: Comment, _ condition: () throws -> Bool) rethrows {
    for _ in 0..<2000 {
        if try condition() { return }
        usleep(5000)
    }
    Issue.record(what)
}
