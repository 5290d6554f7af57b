import Execution
import HTTPServer
import Logging
import Outbound
import TestServers
import Testing

/// The client against a real server on the loopback.
@Suite(.blocking) struct HTTPClientTests {
    /// What a request looked like to the server.
    private struct Seen: Sendable, Equatable {
        let method: String
        let path: String
        let token: String?
        let body: String
    }

    private final class Server: Sendable {
        let seen = Monitor<[Seen]>([])
        let held = Monitor<[Responder]>([])
        private let server: HTTPServer
        let url: String

        init() throws {
            let (seen, held) = (seen, held)
            let note: @Sendable (borrowing HTTPRequest) -> Void = { request in
                let entry = Seen(
                    method: request.method.rawValue, path: request.path, token: request.header("X-Token"),
                    body: String(decoding: request.body, as: UTF8.self))
                seen.withLock { $0.append(entry) }
            }
            let router = Router(
                RouteGroup {
                    for method in [HTTPMethod.get, .post] {
                        Endpoint(method, "/status/:code") { request, responder in
                            note(request)
                            let code = try request.pathParameter("code", as: Int.self)
                            responder.send(.text(HTTPStatus(rawValue: code), "status \(code)"))
                        }
                    }
                    Endpoint(.get, "/later/:seconds") { request, responder in
                        let header = HTTPHeader("Retry-After", request.pathParameter("seconds"))
                        responder.send(.text(.serviceUnavailable, "later", headers: [header]))
                    }
                    Endpoint(.get, "/moved") { _, responder in
                        responder.send(HTTPResponse(.seeOther, headers: [HTTPHeader("Location", "/status/200")]))
                    }
                    Endpoint(.get, "/bytes/:count") { request, responder in
                        let count = try request.pathParameter("count", as: Int.self)
                        responder.send(HTTPResponse(.ok, body: [UInt8](repeating: 0x61, count: count)))
                    }
                    Endpoint(.post, "/silence") { request, responder in
                        note(request)
                        held.update { $0.append(responder) }
                    }
                })
            server = HTTPServer(
                HTTPServerConfiguration(host: "127.0.0.1", port: 0), router: router,
                logger: Logger(label: "outbound-tests", factory: { _ in SwiftLogNoOpLogHandler() }))
            url = "http://127.0.0.1:\(try server.start()[0].port)"
        }

        func stop() async { await server.stop(deadline: .zero) }
    }

    private static func client(_ change: (inout HTTPClient.Configuration) -> Void = { _ in }) -> HTTPClient {
        var configuration = HTTPClient.Configuration()
        configuration.usesProxies = false
        change(&configuration)
        return HTTPClient(configuration)
    }

    private func withServer(_ body: (Server) throws -> Void) async throws {
        let server = try Server()
        let result = Result { try body(server) }
        await server.stop()
        try result.get()
    }

    @Test func anAnswerIsAnAnswerWhateverItsStatus() async throws {
        try await withServer { server in
            let client = Self.client()
            for status in [200, 404, 409, 503] {
                let answer = try client.send(HTTPClient.Request(url: server.url + "/status/\(status)"))
                #expect(answer.status == status)
                #expect(String(decoding: answer.body, as: UTF8.self) == "status \(status)")
                #expect(!answer.isTruncated && answer.retryAfter == nil)
            }
        }
    }

    /// A handle is used again: nothing of the last request is left in the next.
    @Test func requestsOfOneClientHaveNothingOfEachOther() async throws {
        try await withServer { server in
            let client = Self.client()
            let url = server.url + "/status/200"
            _ = try client.send(
                HTTPClient.Request(url: url, body: Array("a body".utf8), headers: [("X-Token", "secret")]))
            _ = try client.send(HTTPClient.Request(url: url))
            _ = try client.send(HTTPClient.Request(url: url, body: [], headers: [("X-Token", "other")]))
            #expect(
                server.seen.withLock { $0 } == [
                    Seen(method: "POST", path: "/status/200", token: "secret", body: "a body"),
                    Seen(method: "GET", path: "/status/200", token: nil, body: ""),
                    Seen(method: "POST", path: "/status/200", token: "other", body: ""),
                ])
        }
    }

    @Test func aRedirectIsNotFollowed() async throws {
        try await withServer { server in
            let answer = try Self.client().send(HTTPClient.Request(url: server.url + "/moved"))
            #expect(answer.status == 303)
            #expect(server.seen.withLock { $0 }.isEmpty)
        }
    }

    @Test func aLongAnswerIsCutWithItsStatus() async throws {
        try await withServer { server in
            let client = Self.client { $0.responseLimit = 10_000 }
            let long = try client.send(HTTPClient.Request(url: server.url + "/bytes/1000000"))
            #expect(long.status == 200 && long.isTruncated && long.body.count <= 10_000)
            let short = try client.send(HTTPClient.Request(url: server.url + "/bytes/5000"))
            #expect(!short.isTruncated && short.body.count == 5_000)
        }
    }

    @Test func retryAfterIsRead() async throws {
        try await withServer { server in
            let client = Self.client()
            for (value, wait) in [("7", Duration.seconds(7)), ("soon", nil)] {
                let answer = try client.send(HTTPClient.Request(url: server.url + "/later/\(value)"))
                #expect(answer.status == 503 && answer.retryAfter == wait, "\(value)")
            }
        }
    }

    /// Whether the other side can have acted is what a caller goes by.
    @Test func whatNeverWentOutIsToldFromWhatMayHaveBeenDone() async throws {
        let nobody = try LocalPort.unused()
        let refused = #expect(throws: HTTPClientError.self) {
            try Self.client().send(HTTPClient.Request(url: "http://127.0.0.1:\(nobody)/"))
        }
        guard case .notSent = refused else { throw try #require(refused) }
        try await withServer { server in
            let client = Self.client { $0.timeout = .milliseconds(300) }
            let silent = #expect(throws: HTTPClientError.self) {
                try client.send(HTTPClient.Request(url: server.url + "/silence", body: [0x61]))
            }
            guard case .outcomeUnknown = silent else { throw try #require(silent) }
            #expect(server.seen.withLock { $0.map(\.body) } == ["a"])
        }
    }

    @Test(arguments: [
        ("ftp://127.0.0.1/", "X-A", "b"), ("file:///etc/passwd", "X-A", "b"), ("127.0.0.1", "X-A", "b"),
        ("http://127.0.0.1:1/", "X-A", "b\r\nX-B: c"), ("http://127.0.0.1:1/", "X A", "b"),
        ("http://127.0.0.1:1/", "", "b"), ("http://127.0.0.1:1/", "X-A:", "b"),
        ("http://127.0.0.1:1/", "X-A", "\u{7F}"),
    ]) func whatIsNoRequestIsRefused(url: String, name: String, value: String) {
        let error = #expect(throws: HTTPClientError.self) {
            try Self.client().send(HTTPClient.Request(url: url, headers: [(name, value)]))
        }
        guard case .notSent(let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        // By us, before anything was tried.
        #expect(reason.hasPrefix("the URL must") || reason.hasPrefix("header "), "\(reason)")
    }

    @Test func threadsShareAClient() async throws {
        try await withServer { server in
            let client = Self.client { $0.idleLimit = 2 }
            let statuses = Monitor<[Int]>([])
            let threads = (0..<6).map { _ in
                DedicatedThread.start("caller") {
                    for _ in 0..<20 {
                        let status = (try? client.send(HTTPClient.Request(url: server.url + "/status/200")))?.status
                        statuses.withLock { $0.append(status ?? 0) }
                    }
                }
            }
            for thread in threads { #expect(thread.join(timeout: .seconds(60))) }
            #expect(statuses.withLock { $0 } == [Int](repeating: 200, count: 120))
        }
    }
}
