import TestServers
import Testing

@testable import HTTPServer

/// What is said once for a group holds for each of its routes and for no other.
@Suite(.blocking) struct MiddlewareTests {
    private struct Unfit: AnswerableError {
        func problem(titled title: String?) -> HTTPProblem {
            HTTPProblem(.unprocessableContent, title: title ?? "untitled")
        }
    }

    private static func refusing(_ name: String) -> Middleware {
        .check { request throws(HTTPProblem) in
            if request.header(name) != nil { throw HTTPProblem(.forbidden, detail: name) }
        }
    }

    private static let router = Router(
        RouteGroup(
            .bodyLimit(8), .noStore, .headers([HTTPHeader("X-Group", "one"), HTTPHeader("X-Both", "group")]),
            .refusals(titled: "Invalid group"), refusing("A"), refusing("B")
        ) {
            Endpoint(.get, "/plain") { _, responder in responder.send(.text(.ok, "plain")) }
            Endpoint(.get, "/own", .headers([HTTPHeader("x-both", "route")]), refusing("C")) { _, responder in
                responder.send(.text(.ok, "own", headers: [HTTPHeader("cache-control", "max-age=5")]))
            }
            Endpoint(.get, "/problem") { _, _ in throw HTTPProblem(.conflict, title: "Its own") }
            Endpoint(.get, "/unfit") { _, _ in throw Unfit() }
            Endpoint(.get, "/unfit/own", .refusals(titled: "Invalid route")) { _, _ in throw Unfit() }
            Endpoint(.get, "/mishap") { _, _ in throw TestRoutes.Mishap() }
            Endpoint(.get, "/stream") { _, responder in responder.stream().close() }
            Endpoint(.post, "/wider", .bodyLimit(1000)) { _, responder in responder.send(.text(.ok, "taken")) }
            Endpoint(.post, "/narrower", .bodyLimit(4)) { _, responder in responder.send(.text(.ok, "taken")) }
        },
        RouteGroup {
            Endpoint(.get, "/bare") { _, responder in responder.send(.text(.ok, "bare")) }
            Endpoint(.get, "/bare/unfit") { _, _ in throw Unfit() }
            Endpoint(.post, "/bare") { _, responder in responder.send(.text(.ok, "taken")) }
        })

    private func ask(
        _ port: UInt16, _ path: String, method: String = "GET", fields: String = "", body: String = ""
    ) throws -> RawResponse {
        let client = try RawClient(port: port)
        let length = method == "POST" ? "Content-Length: \(body.utf8.count)\r\n" : ""
        try client.send("\(method) \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\(length)\r\n\(body)")
        return try client.response()
    }

    private func withServer(_ body: (UInt16) throws -> Void) async throws {
        let server = HTTPServer(HTTPServerConfiguration(host: "127.0.0.1", port: 0), router: Self.router)
        let result = Result { try body(server.start()[0].port) }
        await server.stop(deadline: .zero)
        try result.get()
    }

    @Test func everyAnswerOfAGroupHasItsFields() async throws {
        try await withServer { port in
            let table: [(path: String, status: Int, fields: [String], missing: [String])] = [
                ("/plain", 200, ["Cache-Control: no-store", "X-Group: one", "X-Both: group"], []),
                (
                    "/own", 200, ["cache-control: max-age=5", "X-Group: one", "x-both: route"],
                    ["Cache-Control: no-store", "X-Both: group"]
                ),
                ("/problem", 409, ["Cache-Control: no-store", "X-Group: one"], []),
                ("/mishap", 500, ["Cache-Control: no-store", "X-Group: one"], []),
                ("/bare", 200, [], ["Cache-Control", "X-Group"]),
                ("/nowhere", 404, [], ["Cache-Control", "X-Group"]),
            ]
            for row in table {
                let answer = try ask(port, row.path)
                #expect(answer.status == row.status, "\(row.path)")
                let fields = answer.headers.map { "\($0.name): \($0.value)" }
                for field in row.fields { #expect(fields.contains(field), "\(row.path) \(field)") }
                for field in row.missing {
                    #expect(!fields.contains { $0.hasPrefix(field) }, "\(row.path) \(field)")
                }
            }
            // The server itself says of a stream that nobody keeps it; once is enough.
            let stream = try RawClient(port: port)
            try stream.send("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n")
            let head = try stream.response(isHead: true)
            #expect(head.headers.count { $0.name == "Cache-Control" } == 1 && head.header("X-Group") == "one")
        }
    }

    @Test func checksRunFromTheOutsideIn() async throws {
        try await withServer { port in
            let table: [(path: String, fields: String, detail: String?)] = [
                ("/own", "A: 1\r\nB: 1\r\nC: 1\r\n", "A"), ("/own", "C: 1\r\nB: 1\r\n", "B"), ("/own", "C: 1\r\n", "C"),
                ("/plain", "C: 1\r\n", nil), ("/bare", "A: 1\r\n", nil),
            ]
            for row in table {
                let answer = try ask(port, row.path, fields: row.fields)
                #expect(answer.status == (row.detail == nil ? 200 : 403), "\(row)")
                if let detail = row.detail {
                    #expect(answer.body.contains("\"detail\":\"\(detail)\""), "\(row)")
                    #expect(answer.header("Cache-Control") == "no-store", "\(row)")
                }
            }
        }
    }

    @Test func aRefusalHasTheInnermostTitle() async throws {
        try await withServer { port in
            for (path, title) in [
                ("/unfit", "Invalid group"), ("/unfit/own", "Invalid route"), ("/bare/unfit", "untitled"),
            ] {
                let answer = try ask(port, path)
                #expect(answer.status == 422 && answer.body.contains("\"title\":\"\(title)\""), "\(path)")
            }
            #expect(try ask(port, "/problem").body.contains("\"title\":\"Its own\""))
        }
    }

    @Test func theSmallestLimitOfTheBodyCounts() async throws {
        try await withServer { port in
            for (path, bytes, status) in [
                ("/wider", 8, 200), ("/wider", 9, 413), ("/narrower", 4, 200), ("/narrower", 5, 413),
                ("/bare", 9, 200),
            ] {
                let answered = try ask(port, path, method: "POST", body: String(repeating: "a", count: bytes)).status
                #expect(answered == status, "\(path) \(bytes)")
            }
        }
    }
}
