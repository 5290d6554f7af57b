import Execution
import HTTPServer

/// The routes that the tests call, and what they leave for the test to finish.
struct TestRoutes: Sendable {
    /// Responders of `/later`, in the order of the calls.
    let waiting = Monitor([Responder]())
    let streams = Monitor([EventStream]())
    let uploads = Monitor([TestReceiver]())
    /// How many calls of `/blocked` keep their loop busy, and whether they may.
    let blocked = Monitor((calls: 0, isOpen: false))

    struct Mishap: Error {}

    func router() -> Router { Router(plain, awkward, uploading) }

    private var plain: RouteGroup {
        RouteGroup {
            Endpoint(.get, "/") { _, responder in responder.send(.text(.ok, "root")) }
            Endpoint(.get, "/hello") { _, responder in responder.send(.text(.ok, "hello")) }
            Endpoint(.post, "/echo") { request, responder in
                responder.send(HTTPResponse(.ok, contentType: "application/octet-stream", body: Array(request.body)))
            }
            Endpoint(.post, "/small", .bodyLimit(16)) { request, responder in
                responder.send(.text(.ok, "\(request.body.count)"))
            }
            Endpoint(.post, "/large", .bodyLimit(1 << 20)) { request, responder in
                responder.send(.text(.ok, "\(request.body.count)"))
            }
            Endpoint(.get, "/orders/:id") { request, responder in
                responder.send(.text(.ok, request.pathParameter("id")))
            }
            Endpoint(.get, "/orders/:id/items/:number") { request, responder in
                let number = try request.pathParameter("number", as: Int.self)
                responder.send(.text(.ok, "\(request.pathParameter("id")) \(number)"))
            }
            Endpoint(.delete, "/orders/:id") { _, responder in responder.send(HTTPResponse(.noContent)) }
            Endpoint(.get, "/query") { request, responder in
                let items = try request.queryItems().map { "\($0.name)=\($0.value)" }
                responder.send(.text(.ok, items.joined(separator: "|")))
            }
            Endpoint(.get, "/limit") { request, responder in
                responder.send(.text(.ok, "\(try request.query("limit", as: Int.self) ?? -1)"))
            }
            Endpoint(.get, "/header") { request, responder in
                responder.send(.text(.ok, request.headers("x-test").joined(separator: "|")))
            }
            Endpoint(.get, "/bytes/:count") { request, responder in
                let count = try request.pathParameter("count", as: Int.self)
                responder.send(HTTPResponse(.ok, body: [UInt8](repeating: 0x61, count: count)))
            }
        }
    }

    private var awkward: RouteGroup {
        RouteGroup {
            Endpoint(.get, "/later") { [waiting] _, responder in waiting.update { $0.append(responder) } }
            Endpoint(.get, "/drop") { _, _ in }
            Endpoint(.get, "/blocked") { [blocked] _, responder in
                blocked.update { $0.calls += 1 }
                _ = blocked.wait(for: .seconds(10)) { $0.isOpen ? true : nil }
                responder.send(.text(.ok, "blocked"))
            }
            Endpoint(.get, "/twice") { _, responder in
                responder.send(.text(.ok, "first"))
                responder.send(.text(.ok, "second"))
            }
            Endpoint(.get, "/problem") { _, _ in
                throw HTTPProblem(
                    .conflict, title: "No", detail: "a \"quoted\" \u{1}detail", members: Array("\"limit\":5".utf8),
                    headers: [HTTPHeader("X-Extra", "yes\r\nX-Injected: 1")])
            }
            Endpoint(.get, "/mishap") { _, _ in throw Mishap() }
            Endpoint(.get, "/framing") { _, responder in
                let headers = [
                    HTTPHeader("Content-Length", "1"), HTTPHeader("Connection", "upgrade"), HTTPHeader("A b", "c"),
                ]
                responder.send(HTTPResponse(.ok, headers: headers, body: Array("body".utf8)))
            }
            Endpoint(.get, "/stream") { [streams] request, responder in
                let stream = responder.stream(headers: [HTTPHeader("X-Last", request.header("Last-Event-ID") ?? "")])
                streams.update { $0.append(stream) }
            }
        }
    }

    /// Bodies in pieces.
    static let uploadLimit = 4 << 20

    private var uploading: RouteGroup {
        RouteGroup(.streamedBody(limit: Self.uploadLimit)) {
            Endpoint(.post, "/upload") { [uploads] _, responder in
                let receiver = TestReceiver(responder)
                uploads.update { $0.append(receiver) }
                responder.takeBody(by: receiver)
            }
            Endpoint(.post, "/upload/echo") { [uploads] _, responder in
                let stream = responder.stream(
                    .ok, contentType: "text/plain", headers: [HTTPHeader("X-Early", "yes")], limit: Self.uploadLimit)
                let receiver = TestReceiver(responder, echo: stream)
                uploads.update { $0.append(receiver) }
                responder.takeBody(by: receiver)
            }
            Endpoint(.post, "/upload/later") { [uploads] _, responder in
                uploads.update { $0.append(TestReceiver(responder)) }
            }
            Endpoint(.post, "/upload/refused") { _, _ in throw HTTPProblem(.conflict) }
        }
    }

    func nextUpload() throws -> TestReceiver {
        let upload = uploads.wait(for: .seconds(10)) { $0.isEmpty ? nil : $0.removeFirst() }
        guard let upload else { throw RawClient.Failure(message: "no upload was begun") }
        return upload
    }

    /// Waits for the next call of `/later`.
    func nextWaiting() throws -> Responder {
        let responder = waiting.wait(for: .seconds(10)) { $0.isEmpty ? nil : $0.removeFirst() }
        guard let responder else { throw RawClient.Failure(message: "the handler wasn't called") }
        return responder
    }

    func nextStream() throws -> EventStream {
        let stream = streams.wait(for: .seconds(10)) { $0.isEmpty ? nil : $0.removeFirst() }
        guard let stream else { throw RawClient.Failure(message: "no stream was opened") }
        return stream
    }
}
