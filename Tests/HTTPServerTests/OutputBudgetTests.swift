import Execution
import Glibc
import HTTPServer
import Testing

/// What all clients together may leave untaken.
@Suite struct OutputBudgetTests {
    private static func get(_ path: String) -> String { "GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n" }

    @Test func largeAnswersAreRefusedWhileTooMuchWaits() async throws {
        let limit = 4 << 20
        try await TestServer.run {
            $0.limits.totalUnsentBytes = limit
        } _: { server in
            // Each asks once for a megabyte and doesn't read; no client has more than a few kilobytes of its own buffer.
            let idle = try (0..<20).map { _ in
                let client = try server.client(receiveBuffer: 4096)
                try client.send(Self.get("/bytes/1000000"))
                return client
            }
            let bound = limit
            eventually("the budget is used up") { server.server.unsentBytes > bound - (1 << 20) }
            #expect(server.server.unsentBytes <= limit + 64 << 10)
            // Large ones are refused, small ones still given.
            let client = try server.client()
            try client.send(Self.get("/bytes/1100000") + Self.get("/hello"))
            let refused = try client.response()
            #expect(refused.status == 503 && refused.header("Retry-After") == "1")
            #expect(try client.response().body == "hello")
            // And what was done for a POST is told.
            let head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n"
            try client.send(head + String(repeating: "x", count: 30_000))
            #expect(try client.response().status == 200)
            // Some of the idle ones were refused as well; what the others got is whole.
            var counts = (whole: 0, refused: 0)
            for client in idle {
                let response = try client.response()
                if response.status == 200 {
                    #expect(response.body.utf8.count == 1_000_000)
                    counts.whole += 1
                } else {
                    counts.refused += 1
                }
            }
            #expect(counts.whole >= 3 && counts.refused > 0)
            eventually("all is taken") { server.server.unsentBytes == 0 }
            try client.send(Self.get("/bytes/1100000"))
            #expect(try client.response().status == 200)
        }
    }

    @Test func whoGoesGivesBackWhatHeHeld() async throws {
        try await TestServer.run { server in
            let client = try server.client(receiveBuffer: 4096)
            try client.send(Self.get("/bytes/2000000"))
            eventually("it waits") { server.server.unsentBytes > 0 }
            client.abort()
            eventually("it is given back") { server.server.unsentBytes == 0 }
        }
    }

    /// Events that wait for their clients count as well.
    @Test func streamsCount() async throws {
        try await TestServer.run {
            $0.limits.totalUnsentBytes = 1 << 20
            $0.limits.streamBytes = 600_000
        } _: { server in
            let clients = try (0..<8).map { _ in
                let client = try server.client(receiveBuffer: 4096)
                try client.send(Self.get("/stream"))
                return client
            }
            let streams = try clients.map { _ in try server.routes.nextStream() }
            let event = [UInt8](repeating: 0x61, count: 10_000)
            var held = 0
            for _ in 0..<100 {
                for stream in streams { stream.send(data: event) }
                held = max(held, server.server.unsentBytes)
            }
            #expect(held > 0 && held < 2 << 20)
            #expect(streams.contains { !$0.isOpen })
            for client in clients { client.abort() }
            eventually("all is given back") { server.server.unsentBytes == 0 }
        }
    }
}
