import Execution
import Glibc
import HTTPServer
import Testing

@Suite struct EventStreamTests {
    private static let request = "GET /stream HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 41\r\n\r\n"

    @Test func eventsArriveAsTheyAreSent() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try client.send(Self.request)
            let stream = try server.routes.nextStream()
            let head = try client.receive(until: "\r\n\r\n")
            #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(head.contains("\r\nContent-Type: text/event-stream\r\n"))
            #expect(head.contains("\r\nCache-Control: no-store\r\n"))
            #expect(head.contains("\r\nX-Last: 41\r\n"))
            #expect(!head.contains("Content-Length"))
            #expect(stream.send(event: "changed", id: "42", data: "{}"))
            try client.receive(until: "event: changed\nid: 42\ndata: {}\n\n")
            // Line breaks: kept in data, harmless elsewhere.
            #expect(stream.send(event: "a\nb", id: "c\r\0d", data: "1\n2\r\n3\r4\n"))
            try client.receive(until: "event: a b\nid: c  d\ndata: 1\ndata: 2\ndata: 3\ndata: 4\ndata: \n\n")
            for number in 0..<1000 { #expect(stream.send(data: "\(number)")) }
            try client.receive(until: (0..<1000).map { "data: \($0)\n\n" }.joined())
            #expect(stream.isOpen)
            stream.send(data: "last")
            stream.close()
            #expect(!stream.send(data: "after"))
            #expect(try client.receiveAllText() == "data: last\n\n")
        }
    }

    @Test func clientThatLeavesIsNoticed() async throws {
        try await TestServer.run { server in
            for leave in [RawClient.finishSending, RawClient.abort] {
                let client = try server.client()
                try client.send(Self.request)
                let stream = try server.routes.nextStream()
                let left = Monitor(0)
                stream.onDisconnect { left.update { $0 += 1 } }
                try client.receive(until: "\r\n\r\n")
                leave(client)()
                #expect(left.wait(for: .seconds(10)) { $0 == 1 ? true : nil } == true)
                #expect(!stream.isOpen)
                #expect(!stream.send(data: "x"))
                stream.onDisconnect { left.update { $0 += 1 } }
                #expect(left.withLock { $0 } == 2)
            }
        }
    }

    @Test func heartbeatsComeOnAQuietStream() async throws {
        try await TestServer.run {
            $0.timeouts.heartbeat = .milliseconds(50)
        } _: { server in
            let client = try server.client()
            try client.send(Self.request)
            let stream = try server.routes.nextStream()
            try client.receive(until: "\r\n\r\n")
            try client.receive(until: ":\n\n:\n\n:\n\n")
            #expect(stream.isOpen)
        }
    }

    @Test func clientThatFallsBehindIsDisconnected() async throws {
        try await TestServer.run {
            $0.limits.streamBytes = 64 << 10
        } _: { server in
            let client = try server.client(receiveBuffer: 4096)
            try client.send(Self.request)
            let stream = try server.routes.nextStream()
            let event = [UInt8](repeating: 0x61, count: 1000)
            var accepted = 0
            while accepted < 1_000_000, stream.send(data: event) { accepted += 1 }
            #expect(accepted < 1_000_000)
            #expect(!stream.isOpen)
            eventually("it is disconnected") { server.server.openConnections == 0 }
        }
    }

    @Test func droppedStreamIsClosed() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try client.send(Self.request)
            _ = try server.routes.nextStream()
            try client.receive(until: "\r\n\r\n")
            #expect(try client.isClosed())
        }
    }

    @Test func headGetsTheHeadOnly() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try client.send("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n")
            let stream = try server.routes.nextStream()
            try client.receive(until: "\r\n\r\n")
            #expect(try client.isClosed())
            #expect(!stream.isOpen)
        }
    }
}
