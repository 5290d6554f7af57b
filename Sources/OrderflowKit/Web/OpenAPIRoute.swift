import HTTPServer

/// `GET /openapi.json`: the description of every route, which a test holds against the routers of the roles.
public struct OpenAPIRoute: Sendable {
    private let document = WebFile("openapi.json", contentType: "application/json")

    public init() {}

    public func add(to router: inout Router) {
        router.on(.get, "/openapi.json") { [document] request, responder in responder.send(document.answer(request)) }
    }
}
