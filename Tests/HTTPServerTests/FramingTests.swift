import HTTPServer
import Testing

/// What is refused, with which status. Every refusal is one answer, then the end of the connection: the bytes that
/// follow it in the table must not become a second request.
@Suite struct FramingTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let request: String
        let status: Int
        var testDescription: String { name }
        init(_ name: String, _ request: String, _ status: Int) {
            self.name = name
            self.request = request
            self.status = status
        }
    }

    private static let host = "Host: a\r\n"
    private static func head(_ fields: String, line: String = "POST /echo HTTP/1.1") -> String {
        "\(line)\r\n\(host)\(fields)\r\n"
    }
    private static func repeated(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }

    static let refused: [Case] = [
        // 1. Size
        Case("request line 4097 bytes", head("", line: "GET /\(repeated("a", 4083)) HTTP/1.1"), 414),
        Case("request line without end", "GET /\(repeated("a", 4200))", 414),
        Case("head over 8 KiB in one field", head("X: \(repeated("a", 8200))\r\n"), 431),
        Case("head over 8 KiB without end", "GET / HTTP/1.1\r\nX: \(repeated("a", 8200))", 431),
        Case("65 header fields", head(repeated("X: y\r\n", 64)), 431),
        Case("body over the default", head("Content-Length: 65537\r\n"), 413),
        Case(
            "body over the server's limit, within the route's",
            head("Content-Length: 65537\r\n", line: "POST /large HTTP/1.1"), 413),
        Case("body over the route's limit", head("Content-Length: 17\r\n", line: "POST /small HTTP/1.1"), 413),
        Case("absurd body", head("Content-Length: 99999999999999999999\r\n"), 413),
        Case("chunks over the limit", chunked("11\r\n", route: "/small"), 413),
        Case("chunks over the limit in sum", chunked("a\r\n0123456789\r\n7\r\n", route: "/small"), 413),
        Case("absurd chunk", chunked("ffffffffffffffffff\r\n"), 413),
        Case("chunk line too long", chunked("0\(repeated("0", 32))1\r\n"), 400),
        Case("chunk line without end", chunked(repeated("0", 40)), 400),
        Case("17 trailers", chunked("0\r\n\(repeated("X: y\r\n", 17))\r\n"), 431),
        Case("a trailer over 1 KiB", chunked("0\r\nX: \(repeated("y", 2000))\r\n\r\n"), 431),
        Case("a trailer that never ends", chunked("0\r\nX: \(repeated("y", 2000))"), 431),
        Case("trailers over 1 KiB", chunked("0\r\n\(repeated("X: \(repeated("y", 300))\r\n", 4))\r\n"), 431),
        // 4. Framing
        Case("bare LF after the request line", "GET /hello HTTP/1.1\nHost: a\r\n\r\n", 400),
        Case("bare LF after a field", "GET /hello HTTP/1.1\r\nHost: a\n\r\n", 400),
        Case("bare LF at the end", "GET /hello HTTP/1.1\r\nHost: a\r\n\n", 400),
        Case("bare LF before the rest arrives", "GET /hello HTTP/1.1\n", 400),
        Case("bare CR in a value", "GET /hello HTTP/1.1\r\nHost: a\rb\r\n\r\n", 400),
        Case("two Content-Lengths", head("Content-Length: 1\r\nContent-Length: 2\r\n") + "ab", 400),
        Case("two equal Content-Lengths", head("Content-Length: 1\r\nContent-Length: 1\r\n") + "a", 400),
        Case("Content-Length list", head("Content-Length: 1, 1\r\n") + "a", 400),
        Case("Content-Length with a sign", head("Content-Length: +1\r\n") + "a", 400),
        Case("negative Content-Length", head("Content-Length: -1\r\n") + "a", 400),
        Case("hexadecimal Content-Length", head("Content-Length: 0x1\r\n") + "a", 400),
        Case("empty Content-Length", head("Content-Length:\r\n"), 400),
        Case("Content-Length with a space in it", head("Content-Length: 1 1\r\n") + "a", 400),
        Case(
            "Content-Length and Transfer-Encoding",
            head("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400),
        Case(
            "Transfer-Encoding and Content-Length",
            head("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n") + "0\r\n\r\n", 400),
        Case("space before the colon", "GET /hello HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        Case("tab before the colon", head("Content-Length\t: 1\r\n") + "a", 400),
        Case("obs-fold", "GET /hello HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400),
        Case("fold in the first field", "GET /hello HTTP/1.1\r\n Host: a\r\n\r\n", 400),
        Case("NUL in a value", "GET /hello HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
        Case("DEL in a value", "GET /hello HTTP/1.1\r\nHost: a\r\nX: a\u{7F}b\r\n\r\n", 400),
        Case("escape in a value", "GET /hello HTTP/1.1\r\nHost: a\r\nX: a\u{1B}b\r\n\r\n", 400),
        Case("control byte in a name", "GET /hello HTTP/1.1\r\nHost: a\r\nX\u{1}: a\r\n\r\n", 400),
        Case("no name", "GET /hello HTTP/1.1\r\nHost: a\r\n: a\r\n\r\n", 400),
        Case("no colon", "GET /hello HTTP/1.1\r\nHost: a\r\nabc\r\n\r\n", 400),
        Case("no Host", "GET /hello HTTP/1.1\r\n\r\n", 400),
        Case("two Hosts", "GET /hello HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        Case("two Hosts on 1.0", "GET /hello HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        Case("Host with a path", "GET /hello HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        Case("Host with user", "GET /hello HTTP/1.1\r\nHost: u\u{40}a\r\n\r\n", 400),
        Case("Host with two ports", "GET /hello HTTP/1.1\r\nHost: a:b:c\r\n\r\n", 400),
        Case("Host with a port of letters", "GET /hello HTTP/1.1\r\nHost: a:b\r\n\r\n", 400),
        Case("Host cut off", "GET /hello HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
        Case("Host inside out", "GET /hello HTTP/1.1\r\nHost: ][\r\n\r\n", 400),
        Case("unknown coding", head("Transfer-Encoding: gzip\r\n"), 501),
        Case("list of codings", head("Transfer-Encoding: gzip, chunked\r\n"), 501),
        Case("chunked twice", head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 501),
        Case("chunked after another", head("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"), 501),
        Case("obscured coding", head("Transfer-Encoding: \"chunked\"\r\n"), 501),
        Case("1.0 with Transfer-Encoding", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        Case("HTTP/2.0", "GET /hello HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        Case("HTTP/0.9 by name", "GET /hello HTTP/0.9\r\nHost: a\r\n\r\n", 505),
        Case("HTTP/0.9", "GET /hello\r\n\r\n", 400),
        Case("lower-case version", "GET /hello http/1.1\r\nHost: a\r\n\r\n", 400),
        Case("version with a tail", "GET /hello HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
        Case("two spaces", "GET  /hello HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        Case("leading space", " GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        Case("two empty lines first", "\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        Case("TLS greeting", "\u{16}\u{3}\u{1}", 400),
        Case("malformed request line before the rest arrives", "GET HTTP/1.1\r\n", 400),
        Case("unknown method", head("", line: "BREW /echo HTTP/1.1"), 501),
        Case("method in lower case", head("", line: "get /hello HTTP/1.1"), 501),
        Case("chunk size missing", chunked("\r\n"), 400),
        Case("chunk size not hexadecimal", chunked("g\r\n"), 400),
        Case("chunk size with 0x", chunked("0x1\r\na\r\n0\r\n\r\n"), 400),
        Case("chunk size with a space", chunked("1 \r\na\r\n0\r\n\r\n"), 400),
        Case("chunk extension without a name", chunked("1;\r\na\r\n0\r\n\r\n"), 400),
        Case("chunk extension without a value", chunked("1;a=\r\na\r\n0\r\n\r\n"), 400),
        Case("chunk extension with a blank at its end", chunked("1;a=b \r\na\r\n0\r\n\r\n"), 400),
        Case("chunk extension that doesn't end", chunked("1;a=\"b\r\na\r\n0\r\n\r\n"), 400),
        Case("chunk extension with a control byte", chunked("1;a=\"\u{1}\"\r\na\r\n0\r\n\r\n"), 400),
        Case("chunk extension after a comma", chunked("1,a=b\r\na\r\n0\r\n\r\n"), 400),
        Case("chunk extension in the line after", chunked("1;a=\"\r\n\"\r\na\r\n0\r\n\r\n"), 400),
        Case("chunk extensions over the limit", chunked("1;a=\(repeated("b", 4200))\r\na\r\n0\r\n\r\n"), 400),
        Case(
            "chunk extensions over the limit in sum",
            chunked(repeated("1;a=\(repeated("b", 997))\r\na\r\n", 5) + "0\r\n\r\n"), 400),
        Case("chunk ends in LF", chunked("1\na\r\n0\r\n\r\n"), 400),
        Case("chunk without CRLF", chunked("1\r\nab0\r\n\r\n"), 400),
        Case("chunk with CR only", chunked("1\r\na\rb0\r\n\r\n"), 400),
        Case("trailer malformed", chunked("0\r\nabc\r\n\r\n"), 400),
        Case("trailer with a control byte", chunked("0\r\nX: \u{1}\r\n\r\n"), 400),
        Case("head cut off", "GET /hello HTTP/1.1\r\nHo", 400),
        Case("body cut off", head("Content-Length: 5\r\n") + "abc", 400),
        // 5. Answers
        Case("unknown expectation", head("Expect: a-raise\r\nContent-Length: 1\r\n") + "a", 417),
        // 6. Paths
        Case("absolute form of another scheme", head("", line: "GET ftp://a/hello HTTP/1.1"), 400),
        Case("absolute form without a host", head("", line: "GET http:///hello HTTP/1.1"), 400),
        Case("absolute form with a user", head("", line: "GET http://u@a/hello HTTP/1.1"), 400),
        Case("absolute form with one slash", head("", line: "GET http:/hello HTTP/1.1"), 400),
        Case("absolute form, malformed host", head("", line: "GET http://a:b:c/hello HTTP/1.1"), 400),
        Case("absolute form with a fragment", head("", line: "GET http://a#b HTTP/1.1"), 400),
        Case("absolute form and no Host", "GET http://a/hello HTTP/1.1\r\n\r\n", 400),
        Case("authority form", head("", line: "GET a:80 HTTP/1.1"), 400),
        Case("asterisk with GET", head("", line: "GET * HTTP/1.1"), 400),
        Case("fragment", head("", line: "GET /hello#x HTTP/1.1"), 400),
        Case("raw UTF-8", head("", line: "GET /hellö HTTP/1.1"), 400),
        Case("quote in the path", head("", line: "GET /\" HTTP/1.1"), 400),
        Case("escaped NUL", head("", line: "GET /orders/a%00 HTTP/1.1"), 400),
        Case("escaped line feed", head("", line: "GET /orders/a%0a HTTP/1.1"), 400),
        Case("escaped bad UTF-8", head("", line: "GET /orders/%ff HTTP/1.1"), 400),
        Case("cut-off escape", head("", line: "GET /orders/a%2 HTTP/1.1"), 400),
        Case("escape of nothing", head("", line: "GET /orders/%zz HTTP/1.1"), 400),
        Case("not found, with a body", head("Content-Length: 30\r\n", line: "POST /none HTTP/1.1"), 404),
        Case("not allowed, with a body", head("Content-Length: 30\r\n", line: "POST /hello HTTP/1.1"), 405),
    ]

    private static func chunked(_ body: String, route: String = "/echo") -> String {
        head("Transfer-Encoding: chunked\r\n", line: "POST \(route) HTTP/1.1") + body
    }

    @Test("refused", arguments: refused)
    func refusal(_ row: Case) async throws {
        try await TestServer.run { server in
            let client = try server.client()
            // The tail would be a good request, if it were taken for one.
            let isCutOff = row.name.contains("cut off")
            let tail =
                row.name.contains("rest arrives") || row.name.contains("without end") || isCutOff
                ? "" : "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
            try client.send(row.request + tail)
            if isCutOff { client.finishSending() }
            let response = try client.response()
            #expect(response.status == row.status)
            #expect(response.header("Connection") == "close")
            #expect(response.header("Content-Type") == "application/problem+json")
            #expect(response.header("Date") != nil)
            #expect(response.body.hasPrefix(#"{"type":"about:blank","title":""#))
            #expect(response.body.contains(#""status":\#(row.status),"detail":""#))
            #expect(try client.isClosed())
        }
    }

    static let accepted: [Case] = [
        Case("request line 4096 bytes", head("", line: "GET /\(repeated("a", 4082)) HTTP/1.1"), 404),
        Case("64 header fields", head(repeated("X: y\r\n", 63), line: "GET /hello HTTP/1.1"), 200),
        Case(
            "body at the route's limit",
            head("Content-Length: 16\r\n", line: "POST /small HTTP/1.1")
                + repeated("x", 16), 200),
        Case("body at the default limit", head("Content-Length: 65536\r\n") + repeated("x", 65_536), 200),
        Case("chunks up to the limit", chunked("a\r\n0123456789\r\n6\r\n012345\r\n0\r\n\r\n", route: "/small"), 200),
        Case("trailers", chunked("1\r\na\r\n0\r\nX: y\r\nZ:\r\n\r\n"), 200),
        Case("one empty line first", "\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        Case("empty Host", "GET /hello HTTP/1.1\r\nHost:\r\n\r\n", 200),
        Case("HTTP/1.2 is served as 1.1", "GET /hello HTTP/1.2\r\nHost: a\r\n\r\n", 200),
        Case("absolute form", head("", line: "GET http://b:80/hello?x=y HTTP/1.1"), 200),
        Case("absolute form, scheme in capitals", head("", line: "GET HTTPS://[::1]/hello HTTP/1.1"), 200),
        Case("absolute form without a path", head("", line: "GET http://b HTTP/1.1"), 200),
        Case("absolute form, a query without a path", head("", line: "GET http://b?x=y HTTP/1.1"), 200),
        Case("OPTIONS in absolute form", head("", line: "OPTIONS http://b HTTP/1.1"), 204),
        Case(
            "chunk extensions", chunked("1;a=b\r\na\r\n1 ; c = \"d;\\\" \" ; e\r\nb\r\n0;f\r\n\r\n"), 200),
        Case("dot segment", head("", line: "GET /orders/../hello HTTP/1.1"), 404),
        Case("escaped dot segment", head("", line: "GET /orders/%2e%2E/hello HTTP/1.1"), 404),
        Case("escaped slash is no separator", head("", line: "GET /orders%2F7 HTTP/1.1"), 404),
        Case("Host with port", "GET /hello HTTP/1.1\r\nHost: [::1]:3000\r\n\r\n", 200),
        Case("1.0 without Host", "GET /hello HTTP/1.0\r\n\r\n", 200),
        Case("tabs and spaces around a value", "GET /hello HTTP/1.1\r\nHost: \t a \t\r\n\r\n", 200),
        Case("obs-text in a value", "GET /hello HTTP/1.1\r\nHost: a\r\nX: ä\r\n\r\n", 200),
        Case("coding in upper case", head("Transfer-Encoding: CHUNKED\r\n") + "1\r\na\r\n0\r\n\r\n", 200),
        Case("Content-Length with zeros first", head("Content-Length: 0003\r\n") + "abc", 200),
        Case("body of a GET is consumed", head("Content-Length: 3\r\n", line: "GET /hello HTTP/1.1") + "abc", 200),
        Case("OPTIONS *", head("", line: "OPTIONS * HTTP/1.1"), 204),
        Case("not found", head("", line: "GET /none HTTP/1.1"), 404),
        Case("trailing slash is another path", head("", line: "GET /hello/ HTTP/1.1"), 404),
        Case("empty segment", head("", line: "GET /orders//items/1 HTTP/1.1"), 404),
    ]

    /// Every body is consumed whole: the request that follows is answered as well.
    @Test("accepted", arguments: accepted)
    func acceptance(_ row: Case) async throws {
        try await TestServer.run { server in
            let is10 = row.request.contains("HTTP/1.0")
            let responses = try server.exchange(row.request + (is10 ? "" : "GET /orders/7 HTTP/1.1\r\nHost: a\r\n\r\n"))
            #expect(responses.map(\.status) == [row.status] + (is10 ? [] : [200]))
            if !is10 { #expect(responses.last?.body == "7") }
        }
    }

    /// The setting can raise what every route takes, up to the route's own limit.
    @Test func aServersLimitMayBeLarge() async throws {
        try await TestServer.run({ $0.limits.bodyBytes = 2 << 20 }) { server in
            for path in ["/large", "/echo"] {
                let head = Self.head("Content-Length: 300000\r\n", line: "POST \(path) HTTP/1.1")
                let answers = try server.exchange(head + Self.repeated("x", 300_000))
                #expect(answers.map(\.status) == [200])
            }
            let tooLarge = Self.head("Content-Length: \((1 << 20) + 1)\r\n", line: "POST /large HTTP/1.1")
            #expect(try server.exchange(tooLarge).map(\.status) == [413])
        }
    }

    /// The limit counts before anything is buffered: the answer comes without a byte of the body.
    @Test func tooLargeBodyIsRefusedBeforeItIsSent() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try client.send("POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 17\r\nExpect: 100-continue\r\n\r\n")
            #expect(try client.response().status == 413)
        }
    }
}
