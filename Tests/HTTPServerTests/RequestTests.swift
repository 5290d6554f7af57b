import HTTPServer
import Testing

/// What a handler sees of its request.
@Suite struct RequestTests {
    struct Case: Sendable {
        let target: String
        let status: Int
        let body: String?
        init(_ target: String, _ status: Int, _ body: String? = nil) {
            self.target = target
            self.status = status
            self.body = body
        }
    }

    @Test(arguments: [
        Case("/", 200, "root"),
        Case("/?", 200, "root"),
        Case("/hello?x=y", 200, "hello"),
        Case("/h%65llo", 200, "hello"),
        Case("/orders/abc", 200, "abc"),
        Case("/orders/a%20b%c3%a4%3f", 200, "a bä?"),
        Case("/orders/a+b", 200, "a+b"),
        Case("/orders/%252F", 200, "%2F"),
        Case("/orders/...", 200, "..."),
        Case("/orders/a%2Fb", 200, "a/b"),
        Case("/orders/%2F", 200, "/"),
        Case("/orders/..", 200, ".."),
        Case("/orders/%2E%2e", 200, ".."),
        Case("/orders/.", 200, "."),
        Case("/orders/..%2F..%2Fhello", 200, "../../hello"),
        Case("/orders/1%2Fitems%2F2", 200, "1/items/2"),
        Case("/orders/%F0%9F%92%A9", 200, "💩"),
        Case("/orders/1/items/2", 200, "1 2"),
        Case("/orders/1/items/-2", 200, "1 -2"),
        Case("/orders/1/items/x", 400),
        Case("/orders/1/items", 404),
        Case("/orders/", 404),
        Case("/orders", 404),
        Case("/Hello", 404),
        Case("/query", 200, ""),
        Case("/query?", 200, ""),
        Case("/query?a=1&b=2&a=3", 200, "a=1|b=2|a=3"),
        Case("/query?a&b=&=c&&d==", 200, "a=|b=|=c|d=="),
        Case("/query?a=x+y%2Bz%26%3D%23", 200, "a=x y+z&=#"),
        Case("/query?%61=%C3%A4", 200, "a=ä"),
        Case("/query?a=?/", 200, "a=?/"),
        Case("/query?a=%", 400),
        Case("/query?a=%4", 400),
        Case("/query?a=%zz", 400),
        Case("/query?a=%00", 400),
        Case("/query?a=%0d%0a", 400),
        Case("/query?a=%ff", 400),
        Case("/query?a=\"", 400),
        Case("/limit", 200, "-1"),
        Case("/limit?limit=5", 200, "5"),
        Case("/limit?limit=five", 400),
        Case("/limit?limit=", 400),
        Case("/limit?limit=5&limit=6", 400),
    ])
    func target(_ row: Case) async throws {
        try await TestServer.run { server in
            let response = try server.exchange("GET \(row.target) HTTP/1.1\r\nHost: a\r\n\r\n")[0]
            #expect(response.status == row.status)
            if let body = row.body { #expect(response.body == body) }
        }
    }

    /// RFC 9112 §3.2.2: whoever asks for the Host gets what the target says.
    @Test func theTargetsAuthorityStandsInPlaceOfHost() async throws {
        let router = Router(
            RouteGroup {
                Endpoint(.get, "/") { request, responder in
                    let host = request.header("Host") ?? "-"
                    responder.send(.text(.ok, "\(host) \(request.path) \(request.rawQuery ?? "-")"))
                }
            })
        let server = HTTPServer(HTTPServerConfiguration(host: "127.0.0.1", port: 0), router: router)
        let port = try server.start()[0].port
        for (target, expected) in [
            ("/", "a / -"), ("http://b.example:80/?x=y", "b.example:80 / x=y"), ("http://[::1]", "[::1] / -"),
            ("http://b?x", "b / x"),
        ] {
            let client = try RawClient(port: port)
            try client.send("GET \(target) HTTP/1.1\r\nX: y\r\nHost: a\r\nY: z\r\n\r\n")
            #expect(try client.response().body == expected)
        }
        await server.stop(deadline: .zero)
    }

    @Test func headersAreFoundInAnyCase() async throws {
        try await TestServer.run { server in
            let response = try server.exchange(
                "GET /header HTTP/1.1\r\nHost: a\r\nX-TEST: one\r\nX-Test2: no\r\nx-test:  two \r\n\r\n")[0]
            #expect(response.body == "one|two")
        }
    }

    @Test func literalWinsOverParameterAndGoesBackWhenItLeadsNowhere() async throws {
        let router = Router(
            RouteGroup {
                for pattern in ["/a/:x", "/a/b", "/:x/b/c", "/a/b/d"] {
                    Endpoint(.get, pattern) { request, responder in
                        responder.send(.text(.ok, request.routeTemplate))
                    }
                }
                Endpoint(.post, "/a/b") { _, responder in responder.send(.text(.ok, "post")) }
            },
            RouteGroup { Endpoint(.put, "/:x/b") { _, responder in responder.send(.text(.ok, "put")) } })
        let server = HTTPServer(HTTPServerConfiguration(host: "127.0.0.1", port: 0), router: router)
        let port = try server.start()[0].port
        let rows: [(String, String, String)] = [
            ("GET", "/a/b", "/a/b"), ("GET", "/a/c", "/a/:x"), ("GET", "/a/b/c", "/:x/b/c"),
            ("GET", "/a/b/d", "/a/b/d"),
            ("PUT", "/a/b", "put"), ("POST", "/a/b", "post"),
        ]
        for (method, path, expected) in rows {
            let client = try RawClient(port: port)
            try client.send("\(method) \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try client.response().body == expected)
        }
        await server.stop(deadline: .zero)
    }
}
