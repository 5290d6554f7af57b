import HTTPServer

/// `GET /openapi.json`: the description of every route, which a test holds against the routes of the roles.
public struct OpenAPIRoute: Sendable {
    private let document = WebFile("openapi.json", contentType: "application/json")

    public init() {}

    public var routes: Routes {
        Routes(needing: .open) { Get("/openapi.json") { [document] request in document.answer(request) } }
    }
}
