/// One route as it is declared: a method, a pattern, what serves it, and what holds for it besides its group's.
package struct Endpoint: Sendable {
    package let method: HTTPMethod
    package let pattern: String
    let middleware: [Middleware]
    let handler: HTTPHandler

    package init(
        _ method: HTTPMethod, _ pattern: String, _ middleware: Middleware..., handler: @escaping HTTPHandler
    ) {
        self.init(method, pattern, middleware: middleware, handler: handler)
    }

    package init(_ method: HTTPMethod, _ pattern: String, middleware: [Middleware], handler: @escaping HTTPHandler) {
        self.method = method
        self.pattern = pattern
        self.middleware = middleware
        self.handler = handler
    }
}

/// Routes with what is said once for all of them. The only way to give a router any.
package struct RouteGroup: Sendable {
    let middleware: [Middleware]
    package let endpoints: [Endpoint]

    package init(_ middleware: Middleware..., @EndpointBuilder endpoints: () -> [Endpoint]) {
        self.init(middleware: middleware, endpoints: endpoints())
    }

    package init(middleware: [Middleware], endpoints: [Endpoint]) {
        self.middleware = middleware
        self.endpoints = endpoints
    }
}

/// Lets a group's routes be written one a line.
@resultBuilder package enum EndpointBuilder {
    package static func buildExpression(_ endpoint: Endpoint) -> [Endpoint] { [endpoint] }
    package static func buildBlock(_ parts: [Endpoint]...) -> [Endpoint] { parts.flatMap(\.self) }
    package static func buildOptional(_ part: [Endpoint]?) -> [Endpoint] { part ?? [] }
    package static func buildEither(first: [Endpoint]) -> [Endpoint] { first }
    package static func buildEither(second: [Endpoint]) -> [Endpoint] { second }
    package static func buildArray(_ parts: [[Endpoint]]) -> [Endpoint] { parts.flatMap(\.self) }
}
