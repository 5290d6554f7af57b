import Glibc
import Testing

@testable import HTTPServer

/// What answers look like on the wire.
@Suite struct AnswerTests {
    private let get = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test func wholeAnswerIsAsExpected() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try client.send(get)
            let head = try client.receive(until: "\r\n\r\n")
            let lines = head.split(separator: "\r\n")
            #expect(lines.first == "HTTP/1.1 200 OK")
            #expect(lines.dropFirst().map { $0.prefix { $0 != ":" } } == ["Date", "Content-Type", "Content-Length"])
            try client.receive(until: "hello")
        }
    }

    @Test func dateIsAnIMFFixdate() {
        #expect(HTTPDate.format(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(HTTPDate.format(0) == "Thu, 01 Jan 1970 00:00:00 GMT")
        #expect(HTTPDate.format(951_782_400) == "Tue, 29 Feb 2000 00:00:00 GMT")
        #expect(HTTPDate.format(4_102_444_799) == "Thu, 31 Dec 2099 23:59:59 GMT")
    }

    @Test func dateMatchesTheClock() async throws {
        try await TestServer.run { server in
            let before = Int(time(nil))
            let date = try server.exchange(get)[0].header("Date")
            let after = Int(time(nil))
            #expect((before...after).map(HTTPDate.format).contains(date ?? ""))
        }
    }

    /// The kernel counts the segments with data that the client received (tcp_info.tcpi_data_segs_in, linux/tcp.h).
    @Test func headAndContentLeaveTogether() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try client.send(get)
            #expect(try client.response().body == "hello")
            var info = [UInt8](repeating: 0, count: 256)
            var length = socklen_t(info.count)
            #expect(getsockopt(client.descriptor, Int32(IPPROTO_TCP), TCP_INFO, &info, &length) == 0)
            let segments = info.withUnsafeBytes { $0.load(fromByteOffset: 152, as: UInt32.self) }
            #expect(segments == 1)
        }
    }

    @Test func acceptedSocketsDontDelay() throws {
        var configuration = HTTPServerConfiguration(host: "127.0.0.1", port: 0)
        configuration.loops = 1
        let listeners = try Listeners.open(configuration)
        defer { listeners.close() }
        let client = try RawClient(port: listeners.addresses[0].port)
        var accepted: Int32 = -1
        eventually("a connection") {
            accepted = accept(listeners.sockets[0][0], nil, nil)
            return accepted >= 0
        }
        defer { close(accepted) }
        var value: Int32 = 0
        var length = socklen_t(4)
        #expect(getsockopt(accepted, Int32(IPPROTO_TCP), TCP_NODELAY, &value, &length) == 0)
        #expect(value == 1)
        _ = client
    }

    @Test func headHasTheLengthButNoContent() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try client.send("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n" + get)
            let head = try client.response(isHead: true)
            #expect(head.status == 200)
            #expect(head.header("Content-Length") == "5")
            #expect(try client.response().body == "hello")
            try client.send("HEAD /none HTTP/1.1\r\nHost: a\r\n\r\n" + get)
            #expect(try client.response(isHead: true).status == 404)
            #expect(try client.response().body == "hello")
        }
    }

    /// Whatever is wrong with it, and however early that is found.
    @Test(arguments: [
        ("/hello HTTP/1.1\r\n\r\n", 400), ("/hello HTTP/1.1\r\nHost: a\n\r\n", 400), ("/hello HTTP/3.0\r\n", 505),
        ("/\(String(repeating: "a", count: 4200))", 414), ("hello HTTP/1.1\r\n", 400),
        ("/hello HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "a", count: 9000))", 431),
        ("/orders/%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("/hello HTTP/1.1\r\nHost: ][\r\n\r\n", 400),
        ("/hello HTTP/1.1\r\nHost: a\r\nExpect: cake\r\n\r\n", 417), ("/none HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        ("/echo HTTP/1.1\r\nHost: a\r\n\r\n", 405), ("/hello HT", 408),
    ])
    func aRefusedHeadHasNoContent(_ rest: String, _ status: Int) async throws {
        try await TestServer.run {
            if status == 408 { $0.timeouts.head = .milliseconds(200) }
            $0.timeouts.idle = .milliseconds(500)
        } _: { server in
            let client = try server.client()
            try client.send("HEAD \(rest)")
            let response = try client.response(isHead: true)
            #expect(response.status == status)
            #expect((response.header("Content-Length").flatMap { Int($0) } ?? 0) > 0)
            #expect(try client.isClosed())
        }
    }

    @Test func noContentHasNoLength() async throws {
        try await TestServer.run { server in
            let responses = try server.exchange("DELETE /orders/1 HTTP/1.1\r\nHost: a\r\n\r\n" + get)
            #expect(responses.map(\.status) == [204, 200])
            #expect(responses[0].header("Content-Length") == nil)
        }
    }

    struct Persistence: Sendable {
        let version: String
        let fields: String
        let staysOpen: Bool
        let said: String?
    }

    @Test(arguments: [
        Persistence(version: "1.1", fields: "", staysOpen: true, said: nil),
        Persistence(version: "1.1", fields: "Connection: close\r\n", staysOpen: false, said: "close"),
        Persistence(version: "1.1", fields: "connection: Foo, CLOSE\r\n", staysOpen: false, said: "close"),
        Persistence(
            version: "1.1", fields: "Connection: keep-alive\r\nConnection: close\r\n", staysOpen: false, said: "close"),
        Persistence(version: "1.0", fields: "", staysOpen: false, said: "close"),
        Persistence(version: "1.0", fields: "Connection: keep-alive\r\n", staysOpen: true, said: "keep-alive"),
        Persistence(version: "1.0", fields: "Connection: keep-alive, close\r\n", staysOpen: false, said: "close"),
    ])
    func connectionIsHonoured(_ row: Persistence) async throws {
        try await TestServer.run { server in
            let client = try server.client()
            let request = "GET /hello HTTP/\(row.version)\r\nHost: a\r\n\(row.fields)\r\n"
            try client.send(request)
            let response = try client.response()
            #expect(response.header("Connection") == row.said)
            if row.staysOpen {
                try client.send(request)
                #expect(try client.response().status == 200)
            } else {
                #expect(try client.isClosed())
            }
        }
    }

    @Test func nothingIsReadAfterClose() async throws {
        try await TestServer.run { server in
            let request = "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            let responses = try server.exchange(request + get)
            #expect(responses.count == 1)
        }
    }

    @Test func continueComesOnlyWhenTheBodyIsWanted() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            func request(_ path: String, _ length: Int) -> String {
                "POST \(path) HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: \(length)\r\n\r\n"
            }
            try client.send(request("/small", 3))
            #expect(try client.receive(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            try client.send("abc")
            #expect(try client.response().body == "3")
            // The body is here already: no need to ask for it.
            try client.send(request("/small", 3) + "abc")
            #expect(try client.response().body == "3")
            // No body at all.
            try client.send(request("/small", 0))
            #expect(try client.response().body == "0")
            // A route that isn't there.
            try client.send(request("/none", 3))
            #expect(try client.response().status == 404)
            #expect(try client.isClosed())
        }
    }

    @Test func expectationOfHTTP10IsIgnored() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try client.send("POST /small HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc")
            #expect(try client.response().body == "3")
        }
    }

    @Test func otherMethodsAreNamed() async throws {
        try await TestServer.run { server in
            let request = { (method: String, path: String) in "\(method) \(path) HTTP/1.1\r\nHost: a\r\n\r\n" }
            let responses = try server.exchange(
                request("PUT", "/orders/1") + request("OPTIONS", "/orders/1") + request("POST", "/hello")
                    + request("DELETE", "/echo") + request("TRACE", "/hello") + request("OPTIONS", "/none"))
            #expect(responses.map(\.status) == [405, 204, 405, 405, 405, 404])
            #expect(
                responses.map { $0.header("Allow") } == [
                    "GET, HEAD, DELETE, OPTIONS", "GET, HEAD, DELETE, OPTIONS", "GET, HEAD, OPTIONS", "POST, OPTIONS",
                    "GET, HEAD, OPTIONS", nil,
                ])
        }
    }

    @Test func problemsThrownByHandlersBecomeAnswers() async throws {
        try await TestServer.run { server in
            let responses = try server.exchange(
                "GET /problem HTTP/1.1\r\nHost: a\r\n\r\nGET /mishap HTTP/1.1\r\nHost: a\r\n\r\n" + get)
            #expect(responses.map(\.status) == [409, 500, 200])
            #expect(
                responses[0].body
                    == #"{"type":"about:blank","title":"No","status":409,"detail":"a \"quoted\" \u0001detail","limit":5}"#
            )
            #expect(responses[0].header("Content-Type") == "application/problem+json")
            // A line break in a value can't start a header.
            #expect(responses[0].header("X-Extra") == "yes  X-Injected: 1")
            #expect(responses[0].header("X-Injected") == nil)
            #expect(responses[1].body == #"{"type":"about:blank","title":"Internal Server Error","status":500}"#)
        }
    }

    @Test func framingIsTheServersBusiness() async throws {
        try await TestServer.run { server in
            let responses = try server.exchange("GET /framing HTTP/1.1\r\nHost: a\r\n\r\n" + get)
            #expect(responses.map(\.body) == ["body", "hello"])
            #expect(responses[0].headers.map(\.name) == ["Date", "Content-Length"])
        }
    }
}
