/// What serves a route. It runs on an event loop's thread, so it must not block: it either answers at once, or keeps
/// the responder, hands the work to a thread of its own and returns.
///
/// The request, its body included, is valid only during the call: copy what is kept. A thrown `AnswerableError`, such
/// as an `HTTPProblem`, becomes the answer; any other error is logged and answered 500.
public typealias HTTPHandler = @Sendable (borrowing HTTPRequest, Responder) throws -> Void

/// Maps methods and paths to handlers: a trie over path segments, made of groups of routes.
///
/// A pattern segment is literal or a parameter (`/orders/:id`); a literal wins over a parameter. HEAD is served by the
/// GET handler when it has none of its own, OPTIONS is answered by the router, another method gets 405 with `Allow`.
public struct Router: Sendable {
    struct Node: Sendable {
        var literals: [(segment: [UInt8], node: Int)] = []
        var parameter: Int?
        var routes: [Route] = []
        var allow = ""
    }

    private(set) var nodes = [Node()]

    /// A pattern that is malformed or there twice is a mistake in the program, and traps.
    package init(_ groups: [RouteGroup]) {
        for group in groups {
            for endpoint in group.endpoints {
                add(endpoint, Middleware.composed(group.middleware + endpoint.middleware))
            }
        }
    }

    package init(_ groups: RouteGroup...) { self.init(groups) }

    private mutating func add(_ endpoint: Endpoint, _ middleware: Middleware) {
        let (method, pattern) = (endpoint.method, endpoint.pattern)
        precondition(pattern.hasPrefix("/"), "a route pattern starts with a slash: \(pattern)")
        var node = 0
        var parameters: [Route.Parameter] = []
        let segments = pattern == "/" ? [] : pattern.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        for (position, segment) in segments.enumerated() {
            precondition(!segment.isEmpty, "an empty segment never matches: \(pattern)")
            if segment.hasPrefix(":") {
                parameters.append(Route.Parameter(name: String(segment.dropFirst()), position: position))
                node = parameterChild(of: node)
            } else {
                node = literalChild(of: node, segment: Array(segment.utf8))
            }
        }
        precondition(
            !nodes[node].routes.contains { $0.method == method }, "two handlers for \(method.rawValue) \(pattern)")
        nodes[node].routes.append(Route(endpoint, middleware, parameters: parameters))
        nodes[node].allow = Self.allow(nodes[node].routes.map(\.method))
    }

    private mutating func parameterChild(of node: Int) -> Int {
        if let child = nodes[node].parameter { return child }
        nodes.append(Node())
        nodes[node].parameter = nodes.count - 1
        return nodes.count - 1
    }

    private mutating func literalChild(of node: Int, segment: [UInt8]) -> Int {
        if let child = nodes[node].literals.first(where: { $0.segment == segment })?.node { return child }
        nodes.append(Node())
        nodes[node].literals.append((segment, nodes.count - 1))
        return nodes.count - 1
    }

    private static func allow(_ methods: [HTTPMethod]) -> String {
        var allowed = Set(methods).union([.options])
        if allowed.contains(.get) { allowed.insert(.head) }
        return HTTPMethod.allCases.filter(allowed.contains).map(\.rawValue).joined(separator: ", ")
    }
}

/// One handler with its pattern.
final class Route: Sendable {
    struct Parameter: Sendable {
        let name: String
        /// Which segment of the path it is.
        let position: Int
    }

    let method: HTTPMethod
    let template: String
    let parameters: [Parameter]
    let bodyLimit: Int?
    /// Nil where the body is whole before the handler is called.
    let streamedBodyLimit: Int?
    /// Fields of every answer that doesn't have them itself.
    let headers: [HTTPHeader]
    /// What a request is called that is refused for its content.
    let refusalTitle: String?
    private let body: JSONBody?
    private let identification: Middleware.Identification?
    private let check: Middleware.Check?
    private let handler: HTTPHandler

    init(_ endpoint: Endpoint, _ middleware: Middleware, parameters: [Parameter]) {
        method = endpoint.method
        template = endpoint.pattern
        self.parameters = parameters
        bodyLimit = middleware.bodyLimit
        streamedBodyLimit = middleware.streamedBodyLimit
        headers = middleware.headers
        refusalTitle = middleware.refusalTitle
        body = middleware.body
        identification = middleware.identification
        check = middleware.check
        handler = endpoint.handler
    }

    func serve(_ request: inout HTTPRequest, _ responder: Responder) throws {
        if let identification { request.caller = try identification(request) }
        if let check { try check(request) }
        if let body { try body.check(request) }
        try handler(request, responder)
    }

    /// The answer to a request whose handler has thrown `error`; nil for an error that knows none.
    func problem(_ error: any Error) -> HTTPProblem? {
        (error as? any AnswerableError)?.problem(titled: refusalTitle)
    }
}
