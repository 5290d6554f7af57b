import Execution
import HTTPServer
import Testing

/// Stopping: the deadline is a minute, the client's patience ten seconds, so that waiting for the deadline fails.
@Suite struct StopTests {
    private static let later = "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let get = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test func idleConnectionsAreDroppedAndStopReturnsAtOnce() async throws {
        try await TestServer.run { server in
            let (used, fresh) = (try server.client(), try server.client())
            try used.send(Self.get)
            #expect(try used.response().status == 200)
            eventually("both are in") { server.server.openConnections == 2 }
            await server.server.stop(deadline: .seconds(600))
            #expect(try used.isClosed())
            #expect(try fresh.isClosed())
            #expect(server.server.openConnections == 0)
            #expect(throws: RawClient.Failure.self) { try server.client() }
        }
    }

    @Test func requestsInFlightAreFinished() async throws {
        try await TestServer.run { server in
            let (inFlight, arriving) = (try server.client(), try server.client())
            try inFlight.send(Self.later + Self.get)
            try arriving.send("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
            try arriving.receive(until: "100 Continue\r\n\r\n")
            let responder = try server.routes.nextWaiting()
            async let stopped: Void = server.server.stop(deadline: .seconds(600))
            eventually("the listener is closed") { (try? server.client()) == nil }
            responder.send(.text(.ok, "finished"))
            try arriving.send("abc")
            let first = try inFlight.response()
            #expect(first.body == "finished")
            #expect(first.header("Connection") == "close")
            // The request behind it isn't served any more.
            #expect(try inFlight.isClosed())
            let second = try arriving.response()
            #expect(second.body == "abc")
            #expect(second.header("Connection") == "close")
            inFlight.finishSending()
            arriving.finishSending()
            await stopped
        }
    }

    @Test func deadlineCutsOff() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try client.send(Self.later)
            let responder = try server.routes.nextWaiting()
            await server.server.stop(deadline: .milliseconds(100))
            #expect(try client.isClosed())
            responder.send(.text(.ok, "too late"))
        }
    }

    @Test func shorterDeadlineWins() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try client.send(Self.later)
            let responder = try server.routes.nextWaiting()
            async let patient: Void = server.server.stop(deadline: .seconds(600))
            await server.server.stop(deadline: .zero)
            await patient
            #expect(try client.isClosed())
            _ = responder
        }
    }

    @Test func streamsAreClosed() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try client.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
            let stream = try server.routes.nextStream()
            try client.receive(until: "\r\n\r\n")
            let left = Monitor(false)
            stream.onDisconnect { left.update { $0 = true } }
            async let stopped: Void = server.server.stop(deadline: .seconds(600))
            #expect(try client.isClosed())
            client.finishSending()
            await stopped
            #expect(left.withLock { $0 })
            #expect(!stream.isOpen)
        }
    }

    @Test func stoppingTwiceAndNeverStartedIsFine() async throws {
        let server = HTTPServer(HTTPServerConfiguration(host: "127.0.0.1", port: 0), router: Router([]))
        await server.stop()
        #expect(throws: HTTPServerError.self) { try server.start() }
        try await TestServer.run { server in
            await server.server.stop()
            await server.server.stop()
        }
    }

    @Test func droppedServerStops() throws {
        let port: UInt16
        do {
            let server = HTTPServer(HTTPServerConfiguration(host: "127.0.0.1", port: 0), router: Router([]))
            port = try server.start()[0].port
            _ = try RawClient(port: port)
        }
        eventually("the port is closed") { (try? RawClient(port: port)) == nil }
    }
}
