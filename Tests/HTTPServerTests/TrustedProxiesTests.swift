import Networks
import TestServers
import Testing

@testable import HTTPServer

/// Whose word counts for where a client is.
@Suite(.blocking) struct TrustedProxiesTests {
    private static let router = Router(
        RouteGroup {
            Endpoint(.get, "/who") { request, responder in
                responder.send(.text(.ok, request.remoteAddress.address))
            }
        })

    private func client(trusting ranges: [String], _ fields: String...) async throws -> String {
        let server = HTTPServer(Self.configuration(ranges), router: Self.router)
        let port = try server.start()[0].port
        let client = try RawClient(port: port)
        try client.send("GET /who HTTP/1.1\r\nHost: a\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n")
        let body = try client.response().body
        await server.stop(deadline: .zero)
        return body
    }

    private static func configuration(_ ranges: [String]) -> HTTPServerConfiguration {
        var configuration = HTTPServerConfiguration(host: "127.0.0.1", port: 0)
        configuration.loops = 1
        configuration.proxies = TrustedProxies(ranges.compactMap { AddressRange($0) })
        return configuration
    }

    @Test func nobodyIsBelievedUnlessTrusted() async throws {
        #expect(try await client(trusting: [], "X-Forwarded-For: 203.0.113.9") == "127.0.0.1")
        #expect(try await client(trusting: ["10.0.0.0/8"], "X-Forwarded-For: 203.0.113.9") == "127.0.0.1")
    }

    @Test func theLastAddressThatNoProxyHasCounts() async throws {
        let table: [(fields: String, client: String)] = [
            ("X-Forwarded-For: 203.0.113.9", "203.0.113.9"),
            ("x-forwarded-for:  203.0.113.9 ", "203.0.113.9"),
            // What stands before is the client's own word.
            ("X-Forwarded-For: 198.51.100.1, 203.0.113.9", "203.0.113.9"),
            ("X-Forwarded-For: 198.51.100.1, 203.0.113.9,10.1.2.3", "203.0.113.9"),
            ("X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 203.0.113.9", "203.0.113.9"),
            ("X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 10.0.0.1", "198.51.100.1"),
            ("X-Forwarded-For: 2001:db8::7", "2001:db8::7"),
            ("X-Forwarded-For: ::ffff:203.0.113.9", "203.0.113.9"),
            ("X-Forwarded-For: 10.1.2.3", "10.1.2.3"),
            ("X-Forwarded-For: unknown", "127.0.0.1"),
            ("X-Forwarded-For: 203.0.113.9, unknown, 10.1.2.3", "10.1.2.3"),
            ("X-Forwarded-For: 203.0.113.9:80", "127.0.0.1"),
            ("X-Forwarded-For: ", "127.0.0.1"), ("X-Forwarded-For: ,", "127.0.0.1"), ("Accept: */*", "127.0.0.1"),
        ]
        for row in table {
            #expect(
                try await client(trusting: ["127.0.0.1", "10.0.0.0/8"], row.fields) == row.client, "\(row.fields)")
        }
    }

    @Test func rangesHoldWhatTheySay() throws {
        let table: [(range: String, address: String, isInside: Bool)] = [
            ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.0", false), ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::1", false), ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.0/31", "192.0.2.1", true), ("192.0.2.0/31", "192.0.2.2", false), ("::/0", "2001:db8::1", true),
            ("fd00::/8", "fdff::1", true), ("fd00::/8", "fe00::1", false), ("2001:db8::/64", "2001:db8::ff:1", true),
            ("2001:db8::/64", "2001:db8:0:1::1", false), ("2001:db8::/96", "2001:db8::1:2", true),
            ("2001:db8::/96", "2001:db8::1:0:2", false), ("::1", "::1", true), ("::1", "::2", false),
        ]
        for row in table {
            let range = try #require(AddressRange(row.range))
            let address = try #require(SocketAddress(addressText: row.address))
            #expect(range.contains(address.host) == row.isInside, "\(row.range) \(row.address)")
        }
        for text in ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0/8", "::/129", "name", "10.0.0.0/8/8", "/8"]
        {
            #expect(AddressRange(text) == nil, "\(text)")
        }
    }
}
