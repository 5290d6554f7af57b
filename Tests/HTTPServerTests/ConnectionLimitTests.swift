import Execution
import Glibc
import HTTPServer
import Logging
import Testing

@Suite struct ConnectionLimitTests {
    private static let get = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test func connectionsBeyondTheCapAreTold() async throws {
        let observer = CountingObserver()
        try await TestServer.run(observer: observer) {
            $0.limits.connections = 3
        } _: { server in
            let clients = try (0..<3).map { _ in try server.client() }
            eventually("all are in") { server.server.openConnections == 3 }
            let refused = try server.client()
            let response = try refused.response()
            #expect(response.status == 503)
            #expect(response.header("Retry-After") == "1")
            #expect(try refused.isClosed())
            #expect(observer.refusals.withLock { $0 } == [.connections])
            for client in clients {
                try client.send(Self.get)
                #expect(try client.response().status == 200)
            }
            clients[0].abort()
            eventually("a place is free") { server.server.openConnections == 2 }
            let next = try server.client()
            try next.send(Self.get)
            #expect(try next.response().status == 200)
        }
    }

    @Test func connectionsOfOneAddressBeyondTheCapAreTold() async throws {
        let observer = CountingObserver()
        try await TestServer.run(observer: observer) {
            $0.limits.connectionsPerAddress = 2
        } _: { server in
            let clients = try (0..<2).map { _ in try server.client() }
            eventually("both are in") { server.server.openConnections == 2 }
            let refused = try server.client()
            #expect(try refused.response().status == 429)
            #expect(observer.refusals.withLock { $0 } == [.connectionsPerAddress])
            // 127.0.0.2 is another address of the same host.
            let other = RawClient(socket: try RawClient.makeSocket())
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            inet_pton(AF_INET, "127.0.0.2", &address.sin_addr)
            let bound = withUnsafeBytes(of: &address) {
                bind(other.descriptor, $0.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t($0.count))
            }
            #expect(bound == 0)
            try other.connect(port: server.port)
            try other.send(Self.get)
            #expect(try other.response().status == 200)
            clients[0].abort()
            eventually("a place is free") { server.server.openConnections == 2 }
            let next = try server.client()
            try next.send(Self.get)
            #expect(try next.response().status == 200)
        }
    }

    /// Pipelined requests whose answers nobody reads: the server stops reading, so that the client can't send more.
    @Test func unsentAnswersStopTheReading() async throws {
        try await TestServer.run {
            $0.limits.unsentBytes = 64 << 10
        } _: { server in
            let client = try server.client(receiveBuffer: 4096)
            var limit = timeval(tv_sec: 0, tv_usec: 300_000)
            setsockopt(client.descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            let request = Array("GET /bytes/60000 HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
            var sent = 0
            // 8 GB of answers, if they were all made.
            while sent < 140_000, client.trySend(request) { sent += 1 }
            #expect(sent < 140_000)
            // And once the client reads, everything complete is answered.
            for _ in 0..<min(sent, 50) { #expect(try client.response().body.utf8.count == 60_000) }
        }
    }

    /// In a process of its own, since it uses up the descriptors.
    @Test func descriptorsRunningOutIsSurvived() async {
        await #expect(processExitsWith: .success) {
            var configuration = HTTPServerConfiguration(host: "127.0.0.1", port: 0)
            configuration.loops = 1
            let observer = CountingObserver()
            let server = HTTPServer(
                configuration, router: TestRoutes().router(), observer: observer,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let port = try server.start()[0].port
            let established = try RawClient(port: port)
            try established.send(Self.get)
            guard try established.response().status == 200 else { exit(2) }

            // All but the clients' sockets are taken.
            let clients = try (0..<5).map { _ in RawClient(socket: try RawClient.makeSocket()) }
            var limit = rlimit(rlim_cur: 256, rlim_max: 256)
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            var taken: [Int32] = []
            while true {
                let copy = dup(0)
                if copy < 0 { break }
                taken.append(copy)
            }
            guard errno == EMFILE else { exit(3) }
            for client in clients {
                try client.connect(port: port)
                try client.send(Self.get)
            }
            for client in clients {
                guard try client.response().status == 503, try client.isClosed() else { exit(4) }
            }
            guard observer.refusals.withLock({ $0 }) == Array(repeating: .descriptors, count: 5) else { exit(5) }
            // Who is connected is still served, and others are once there are descriptors again.
            try established.send(Self.get)
            guard try established.response().status == 200 else { exit(6) }
            for descriptor in taken { close(descriptor) }
            let late = try RawClient(port: port)
            try late.send(Self.get)
            guard try late.response().status == 200 else { exit(7) }
            await server.stop(deadline: .zero)
        }
    }
}

final class CountingObserver: HTTPObserver {
    let refusals = Monitor([ConnectionRefusal]())
    let finished = Monitor([FinishedHTTPRequest]())
    let connections = Monitor((opened: 0, closed: 0))

    func requestFinished(_ request: FinishedHTTPRequest) { finished.update { $0.append(request) } }
    func connectionOpened() { connections.update { $0.opened += 1 } }
    func connectionClosed() { connections.update { $0.closed += 1 } }
    func connectionRefused(_ reason: ConnectionRefusal) { refusals.update { $0.append(reason) } }
}
