import Execution
import TestServers
import Testing

@testable import HTTPServer

/// What pages elsewhere can't do, and those that are allowed can, on every route alike.
@Suite(.blocking) struct SitePolicyTests {
    private static let shop = "https://shop.example"

    /// Sends a request as it stands and returns the answer.
    private func ask(
        _ request: String, _ fields: String..., host: String = "localhost", names: HostNames = HostNames([]),
        origins: [String] = []
    ) async throws -> RawResponse {
        let answer = Answer()
        try await TestServer.run {
            $0.site = SitePolicy(names: names, origins: origins)
        } _: { server in
            let client = try RawClient(port: server.port)
            let lines = ["\(request) HTTP/1.1", "Host: \(host)"] + fields
            try client.send(lines.map { $0 + "\r\n" }.joined() + "\r\n")
            answer.response.update { $0 = try? client.response(isHead: request.hasPrefix("HEAD")) }
        }
        return try #require(answer.response.withLock { $0 })
    }

    private final class Answer: Sendable {
        let response = Monitor<RawResponse?>(nil)
    }

    // MARK: Names

    @Test(arguments: [
        ("GET /", "evil.example", 421), ("GET /", "evil.example:3000", 421), ("POST /echo", "evil.example", 421),
        ("GET /stream", "127.0.0.1.evil.example", 421), ("GET /nothing", "localhost.evil.example", 421),
        ("OPTIONS *", "evil.example", 421), ("HEAD /", "evil.example", 421), ("DELETE /hello", "evil.example", 421),
        ("GET /", "localhost", 200), ("GET /", "LOCALHOST:3000", 200), ("GET /", "localhost.:3000", 200),
        ("GET /", "a.localhost", 200), ("GET /", "10.0.0.7:80", 200), ("GET /", "[::1]:3000", 200),
        ("GET /", "Shop.Internal", 200), ("GET /", "a.b.shop.example:1", 200), ("GET /", "shop.example", 421),
        ("GET /", "xshop.example", 421), ("GET /", "1.2.3", 421), ("GET /", "1.2.3.4.5", 421),
        ("GET /", "256.1.1.1", 421), ("GET /", "1.1.1.1x", 421), ("GET /", "0001.1.1.1", 421), ("GET /", "", 200),
        ("GET http://evil.example/", "localhost", 421), ("GET http://localhost/", "evil.example", 200),
    ])
    func onlyItsOwnNamesAreAnswered(request: String, host: String, status: Int) async throws {
        let names = HostNames(["shop.internal", "*.shop.example"])
        let answer = try await ask(request, host: host, names: names)
        #expect(answer.status == status)
        guard status == 421 else { return }
        #expect(answer.header("Content-Type") == "application/problem+json")
    }

    @Test func anyNameIsAnsweredWhereAnyIsAllowed() async throws {
        #expect(try await ask("GET /", host: "evil.example", names: HostNames(["*"])).status == 200)
    }

    // MARK: Origins

    @Test(arguments: [
        // Ours, whatever scheme a proxy has in front.
        ("POST /small", "Origin: http://localhost", 200), ("POST /small", "Origin: https://LOCALHOST", 200),
        ("GET /", "Origin: http://localhost", 200), ("DELETE /orders/1", "Origin: http://localhost", 204),
        // Another port is another origin.
        ("POST /small", "Origin: http://localhost:8080", 403), ("POST /small", "Origin: https://shop.example", 403),
        ("POST /small", "Origin: null", 403), ("POST /small", "Origin: ", 403), ("GET /", "Origin: null", 403),
        ("GET /stream", "Origin: https://evil.example", 403), ("GET /nothing", "Origin: https://evil.example", 403),
        ("OPTIONS /small", "Origin: https://evil.example", 403), ("DELETE /orders/1", "Origin: file://", 403),
        ("POST /small", "Origin: http://localhost.evil.example", 403),
        ("POST /small", "Origin: http://evil.example@localhost", 403), ("POST /small", "Origin: localhost", 403),
        ("POST /small", "Origin: ftp://localhost", 403),
        ("POST /small", "Origin: http://localhost\r\nOrigin: https://evil.example", 403),
        // Where nothing says Origin.
        ("POST /small", "Sec-Fetch-Site: cross-site", 403), ("POST /small", "Sec-Fetch-Site: same-site", 403),
        ("POST /small", "Sec-Fetch-Site: same-origin", 200), ("POST /small", "Sec-Fetch-Site: none", 200),
        ("GET /", "Sec-Fetch-Site: cross-site", 200), ("POST /small", "Accept: */*", 200),
    ])
    func aForeignPageIsRefused(request: String, field: String, status: Int) async throws {
        let answer = try await ask(request, field, "Content-Length: 0")
        #expect(answer.status == status)
        #expect(answer.header("Access-Control-Allow-Origin") == nil)
    }

    @Test func anAllowedPageSendsAndReads() async throws {
        let origin = "Origin: \(Self.shop)"
        let read = try await ask("GET /hello", origin, origins: [Self.shop])
        #expect(read.status == 200 && read.body == "hello")
        #expect(read.header("Access-Control-Allow-Origin") == Self.shop)
        #expect(read.header("Access-Control-Allow-Credentials") == nil)
        #expect(read.header("Access-Control-Expose-Headers")?.contains("Retry-After") == true)
        #expect(read.header("Vary") == "Origin")
        // Problems are told too: of the handler, and of a path that nothing serves.
        for (request, status) in [("GET /problem", 409), ("GET /nothing", 404), ("GET /mishap", 500)] {
            let answer = try await ask(request, origin, origins: [Self.shop])
            #expect(answer.status == status, "\(request)")
            #expect(answer.header("Access-Control-Allow-Origin") == Self.shop, "\(request)")
        }
        let plain = try await ask("GET /hello", origins: [Self.shop])
        #expect(plain.header("Access-Control-Allow-Origin") == nil && plain.header("Vary") == "Origin")
        for other in ["https://shop.example.evil", "http://shop.example", "https://shop.example:8443", "null"] {
            #expect(try await ask("GET /hello", "Origin: \(other)", origins: [Self.shop]).status == 403, "\(other)")
        }
    }

    @Test func anAllowedPageIsToldWhatItMaySend() async throws {
        let answer = try await ask(
            "OPTIONS /orders/1", "Origin: \(Self.shop)", "Access-Control-Request-Method: DELETE",
            "Access-Control-Request-Headers: authorization", origins: [Self.shop])
        #expect(answer.status == 204)
        #expect(answer.header("Access-Control-Allow-Origin") == Self.shop)
        #expect(answer.header("Access-Control-Allow-Methods") == answer.header("Allow"))
        #expect(answer.header("Access-Control-Allow-Methods")?.contains("DELETE") == true)
        #expect(answer.header("Access-Control-Allow-Headers")?.contains("Authorization") == true)
        #expect(answer.header("Access-Control-Max-Age") != nil)
        let nobody = try await ask("OPTIONS /orders/1", "Access-Control-Request-Method: DELETE")
        #expect(nobody.status == 204 && nobody.header("Access-Control-Allow-Methods") == nil)
    }

    /// What belongs to one answer must not stay on the connection.
    @Test func theNextRequestOfAConnectionIsJudgedForItself() async throws {
        try await TestServer.run {
            $0.site = SitePolicy(names: HostNames([]), origins: [Self.shop])
        } _: { server in
            let client = try RawClient(port: server.port)
            try client.send("GET /hello HTTP/1.1\r\nHost: localhost\r\nOrigin: \(Self.shop)\r\n\r\n")
            #expect(try client.response().header("Access-Control-Allow-Origin") == Self.shop)
            try client.send("GET /hello HTTP/1.1\r\nHost: evil.example\r\n\r\n")
            #expect(try client.response().status == 421)
            try client.send("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let last = try client.response()
            #expect(last.status == 200 && last.header("Access-Control-Allow-Origin") == nil)
        }
    }
}
