import Execution
import HTTPServer

/// The routes that the tests call, and what they leave for the test to finish.
struct TestRoutes: Sendable {
    /// Responders of `/later`, in the order of the calls.
    let waiting = Monitor([Responder]())
    let streams = Monitor([EventStream]())

    struct Mishap: Error {}

    func router() -> Router {
        var router = Router()
        router.on(.get, "/") { _, responder in responder.send(.text(.ok, "root")) }
        router.on(.get, "/hello") { _, responder in responder.send(.text(.ok, "hello")) }
        router.on(.post, "/echo") { request, responder in
            responder.send(HTTPResponse(.ok, contentType: "application/octet-stream", body: Array(request.body)))
        }
        router.on(.post, "/small", bodyLimit: 16) { request, responder in
            responder.send(.text(.ok, "\(request.body.count)"))
        }
        router.on(.post, "/large", bodyLimit: 1 << 20) { request, responder in
            responder.send(.text(.ok, "\(request.body.count)"))
        }
        router.on(.get, "/orders/:id") { request, responder in
            responder.send(.text(.ok, request.pathParameter("id")))
        }
        router.on(.get, "/orders/:id/items/:number") { request, responder in
            let number = try request.pathParameter("number", as: Int.self)
            responder.send(.text(.ok, "\(request.pathParameter("id")) \(number)"))
        }
        router.on(.delete, "/orders/:id") { _, responder in responder.send(HTTPResponse(.noContent)) }
        router.on(.get, "/query") { request, responder in
            let items = try request.queryItems().map { "\($0.name)=\($0.value)" }
            responder.send(.text(.ok, items.joined(separator: "|")))
        }
        router.on(.get, "/limit") { request, responder in
            responder.send(.text(.ok, "\(try request.query("limit", as: Int.self) ?? -1)"))
        }
        router.on(.get, "/header") { request, responder in
            responder.send(.text(.ok, request.headers("x-test").joined(separator: "|")))
        }
        router.on(.get, "/bytes/:count") { request, responder in
            let count = try request.pathParameter("count", as: Int.self)
            responder.send(HTTPResponse(.ok, body: [UInt8](repeating: 0x61, count: count)))
        }
        addAwkwardRoutes(&router)
        return router
    }

    private func addAwkwardRoutes(_ router: inout Router) {
        let (waiting, streams) = (waiting, streams)
        router.on(.get, "/later") { _, responder in waiting.update { $0.append(responder) } }
        router.on(.get, "/drop") { _, _ in }
        router.on(.get, "/twice") { _, responder in
            responder.send(.text(.ok, "first"))
            responder.send(.text(.ok, "second"))
        }
        router.on(.get, "/problem") { _, _ in
            throw HTTPProblem(
                .conflict, title: "No", detail: "a \"quoted\" \u{1}detail", members: Array("\"limit\":5".utf8),
                headers: [HTTPHeader("X-Extra", "yes\r\nX-Injected: 1")])
        }
        router.on(.get, "/mishap") { _, _ in throw Mishap() }
        router.on(.get, "/framing") { _, responder in
            let headers = [
                HTTPHeader("Content-Length", "1"), HTTPHeader("Connection", "upgrade"), HTTPHeader("A b", "c"),
            ]
            responder.send(HTTPResponse(.ok, headers: headers, body: Array("body".utf8)))
        }
        router.on(.get, "/stream") { request, responder in
            let stream = responder.stream(headers: [HTTPHeader("X-Last", request.header("Last-Event-ID") ?? "")])
            streams.update { $0.append(stream) }
        }
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
