/// What serves a route. It runs on an event loop's thread, so it must not block: it either answers at once, or keeps
/// the responder, hands the work to a thread of its own and returns.
///
/// The request, its body included, is valid only during the call: copy what is kept. A thrown `HTTPProblem` becomes
/// the answer; any other error is logged and answered 500.
public typealias HTTPHandler = @Sendable (borrowing HTTPRequest, Responder) throws -> Void

/// Maps methods and paths to handlers: a trie over path segments. Immutable once the server has it.
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

    public init() {}

    /// Adds a route. A pattern that is malformed or already there is a mistake in the program, and traps.
    ///
    /// - Parameter bodyLimit: the largest request body in bytes, where it is smaller than the server's own limit. A larger
    ///   one is refused with 413 before it is read.
    public mutating func on(
        _ method: HTTPMethod, _ pattern: String, bodyLimit: Int? = nil, _ handler: @escaping HTTPHandler
    ) {
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
        nodes[node].routes.append(
            Route(method: method, template: pattern, parameters: parameters, bodyLimit: bodyLimit, handler: handler))
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

    /// Every route with its pattern, for whoever describes them.
    public var routes: [(method: HTTPMethod, pattern: String)] {
        nodes.flatMap(\.routes).map { ($0.method, $0.template) }
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
    let handler: HTTPHandler

    init(
        method: HTTPMethod, template: String, parameters: [Parameter], bodyLimit: Int?, handler: @escaping HTTPHandler
    ) {
        self.method = method
        self.template = template
        self.parameters = parameters
        self.bodyLimit = bodyLimit
        self.handler = handler
    }
}
