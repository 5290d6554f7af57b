import Glibc
import HTTPServer
import TestServers
import Testing

/// Each limit is set to 200 ms with all others at a minute: the client's own limit of ten seconds tells that it fired.
@Suite struct TimeLimitTests {
    private static let short = Duration.milliseconds(200)

    /// Sends `pieces` for ever, one at a time, until the server has closed; then returns what it sent.
    private static func trickle(_ client: RawClient, _ bytes: [UInt8]) throws -> [RawResponse] {
        var poller = pollfd(fd: client.descriptor, events: Int16(POLLIN), revents: 0)
        // 500 bytes at 20 ms are ten seconds.
        for index in 0..<500 where poll(&poller, 1, 20) == 0 {
            guard client.trySend([bytes[index % bytes.count]]) else { break }
        }
        #expect(poll(&poller, 1, 0) == 1, "the server goes on reading")
        return try RawResponse.all(client.receiveAll())
    }

    @Test func headIsLimitedAndMoreBytesDontExtendIt() async throws {
        try await TestServer.run {
            $0.timeouts.head = Self.short
        } _: { server in
            let client = try server.client()
            try client.send("GET /hello HTTP/1.1\r\nHost: a\r\nX-Slow: ")
            let responses = try Self.trickle(client, [0x61])
            #expect(responses.map(\.status) == [408])
            #expect(responses[0].header("Connection") == "close")
        }
    }

    /// What has been sent of each kind of request before its loop is busy, and what meanwhile.
    private static let halves = [
        ("GET /hello HTTP/1.1\r\nHo", "st: a\r\n\r\n"),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe", "llo"),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe", "llo\r\n0\r\n\r\n"),
        ("", "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"),
    ]

    /// Nobody who sent the rest in time is late because the loop was busy, and one round of epoll doesn't show them all.
    @Test(.waiting) func aBusyLoopBlamesNobody() async throws {
        let limit = Duration.milliseconds(1_500)
        try await TestServer.run {
            $0.loops = 1
            $0.timeouts.head = limit
            $0.timeouts.body = limit
            $0.timeouts.idle = limit
        } _: { server in
            let other = try server.client()
            let clients = try (0..<320).map { (try server.client(), Self.halves[$0 % Self.halves.count]) }
            for (client, (first, _)) in clients { try client.send(first) }
            try other.send("GET /blocked HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(server.routes.blocked.wait(for: .seconds(10)) { $0.calls > 0 ? true : nil } == true)
            for (client, (_, rest)) in clients { try client.send(rest) }
            // Past the limits, which are what is tested.
            try await Task.sleep(for: limit + .milliseconds(100))
            server.routes.blocked.update { $0.isOpen = true }
            let statuses = try clients.map { try $0.0.response().status }
            #expect(statuses.count { $0 == 200 } == clients.count, "\(statuses)")
            #expect(try other.response().status == 200)
        }
    }

    @Test func partialPipelinedRequestCountsToo() async throws {
        try await TestServer.run {
            $0.timeouts.head = Self.short
        } _: { server in
            let client = try server.client()
            try client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /hel")
            let responses = try RawResponse.all(client.receiveAll())
            #expect(responses.map(\.status) == [200, 408])
        }
    }

    @Test func partialRequestBehindALateAnswerCountsToo() async throws {
        try await TestServer.run {
            $0.timeouts.head = Self.short
        } _: { server in
            let client = try server.client()
            try client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /hel")
            try server.routes.nextWaiting().send(.text(.ok, "late"))
            #expect(try RawResponse.all(client.receiveAll()).map(\.status) == [200, 408])
        }
    }

    @Test(arguments: ["Content-Length: 1000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n3e8\r\n"])
    func bodyIsLimited(_ framing: String) async throws {
        try await TestServer.run {
            $0.timeouts.body = Self.short
        } _: { server in
            let client = try server.client()
            try client.send("POST /echo HTTP/1.1\r\nHost: a\r\n\(framing)")
            #expect(try Self.trickle(client, [0x61]).map(\.status) == [408])
        }
    }

    @Test(arguments: ["", "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"])
    func idleConnectionsAreClosed(_ before: String) async throws {
        try await TestServer.run {
            $0.timeouts.idle = Self.short
        } _: { server in
            let client = try server.client()
            if !before.isEmpty {
                try client.send(before)
                #expect(try client.response().status == 200)
            }
            #expect(try client.isClosed())
        }
    }

    /// A handler may take its time: none of the limits is about it.
    @Test func waitingForAHandlerIsNotIdle() async throws {
        try await TestServer.run {
            $0.timeouts.idle = Self.short
            $0.timeouts.head = Self.short
            $0.timeouts.body = Self.short
        } _: { server in
            let (patient, other) = (try server.client(), try server.client())
            try patient.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
            let responder = try server.routes.nextWaiting()
            // Two connections idle away one after the other while the handler waits.
            #expect(try other.isClosed())
            #expect(try server.client().isClosed())
            responder.send(.text(.ok, "late"))
            #expect(try patient.response().body == "late")
        }
    }

    @Test func stalledWriteIsCutOff() async throws {
        try await TestServer.run {
            $0.timeouts.write = Self.short
        } _: { server in
            let client = try server.client(receiveBuffer: 4096)
            try client.send("GET /bytes/20000000 HTTP/1.1\r\nHost: a\r\n\r\n")
            try client.receiveMore()
            try eventually("the server gives up") { server.server.openConnections == 0 }
            #expect(try client.receiveAll().count < 20_000_000)
        }
    }

    /// Reads at `rate` bytes a second for at most `limit` bytes; returns how many came before the end or a reset.
    private static func read(_ client: RawClient, _ limit: Int, rate: Int) -> Int {
        var buffer = [UInt8](repeating: 0, count: max(1, rate / 50))
        var count = 0
        while count < limit {
            let received = recv(client.descriptor, &buffer, buffer.count, 0)
            guard received > 0 else { break }
            count += received
            // Twenty milliseconds at that rate.
            usleep(UInt32(received * 1_000_000 / rate))
        }
        return count
    }

    /// Slower than the socket's buffer shows within the time limit, but steady: by what it acknowledges.
    @Test(.waiting) func aSteadyReaderGetsEverything() async throws {
        try await TestServer.run {
            $0.timeouts.write = .milliseconds(300)
            $0.timeouts.leastRate = 50_000
        } _: { server in
            let client = try server.client(receiveBuffer: 32 << 10)
            try client.send("GET /bytes/4500000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(Self.read(client, .max, rate: 1_200_000) > 4_500_000)
        }
    }

    /// Enough of them would hold the server's memory for hours.
    @Test func aTricklingReaderIsCutOff() async throws {
        try await TestServer.run {
            $0.timeouts.write = Self.short
            $0.timeouts.leastRate = 1_000_000
        } _: { server in
            let client = try server.client(receiveBuffer: 4096)
            try client.send("GET /bytes/20000000 HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(Self.read(client, 20_000_000, rate: 100_000) < 20_000_000)
            try eventually("the server gives up") { server.server.openConnections == 0 }
            #expect(server.server.unsentBytes == 0)
        }
    }

    /// A slow reader isn't idle and isn't stalled.
    @Test func slowReaderGetsEverything() async throws {
        try await TestServer.run {
            $0.timeouts.idle = Self.short
        } _: { server in
            let client = try server.client(receiveBuffer: 4096)
            try client.send("GET /bytes/8000000 HTTP/1.1\r\nHost: a\r\n\r\n")
            let other = try server.client()
            #expect(try other.isClosed())
            #expect(try server.client().isClosed())
            #expect(try client.response().body.utf8.count == 8_000_000)
        }
    }

    @Test func lingeringEnds() async throws {
        try await TestServer.run {
            $0.timeouts.linger = Self.short
        } _: { server in
            let client = try server.client()
            try client.send("nonsense\r\n")
            #expect(try client.response().status == 400)
            // The client doesn't close, and goes on sending.
            _ = client.trySend(Array("more".utf8))
            try eventually("the server closes") { server.server.openConnections == 0 }
        }
    }
}
