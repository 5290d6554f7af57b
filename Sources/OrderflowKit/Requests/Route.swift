import HTTPServer
import Postgres

public typealias Get = Route<HTTPVerb.Get>
public typealias Post = Route<HTTPVerb.Post>
public typealias Put = Route<HTTPVerb.Put>
public typealias Patch = Route<HTTPVerb.Patch>
public typealias Delete = Route<HTTPVerb.Delete>

/// One route of a group: a pattern such as `/orders/:id`, what holds for it besides its group's, and what answers.
///
/// All that is given a request runs on an event loop's thread and must not block; the request is valid only during the
/// call. Thrown errors are answered: an `AnswerableError` as it says, any other by 500.
public struct Route<Verb: RouteVerb>: Sendable {
    let endpoint: Endpoint

    private init(_ pattern: String, _ middleware: [Middleware], handler: @escaping HTTPHandler) {
        endpoint = Endpoint(Verb.method, pattern, middleware: Verb.middleware + middleware, handler: handler)
    }

    /// Answers at once, the same to every caller and tenant.
    public init(
        _ pattern: String, _ middleware: Middleware...,
        answer: @escaping @Sendable (borrowing HTTPRequest) throws -> HTTPResponse
    ) {
        self.init(pattern, middleware) { request, responder in responder.send(try answer(request)) }
    }

    /// Answers at once.
    public init(
        _ pattern: String, _ middleware: Middleware...,
        answer: @escaping @Sendable (borrowing HTTPRequest, RequestContext) throws -> HTTPResponse
    ) {
        self.init(pattern, middleware) { request, responder in
            responder.send(try answer(request, try RequestContext(request)))
        }
    }

    /// Answers by the responder, now or later.
    public init(
        _ pattern: String, _ middleware: Middleware...,
        handler: @escaping @Sendable (borrowing HTTPRequest, RequestContext, Responder) throws -> Void
    ) {
        self.init(pattern, middleware) { request, responder in
            try handler(request, try RequestContext(request), responder)
        }
    }

    /// Answers from a connection of the pool: the closure reads the request, what it returns does the work.
    public init(
        _ pattern: String, from pool: ConnectionPool, _ middleware: Middleware...,
        answer: @escaping @Sendable (borrowing HTTPRequest, RequestContext) throws -> PooledAnswer
    ) {
        self.init(pattern, middleware) { request, responder in
            let context = try RequestContext(request)
            try answer(request, context).send(
                to: responder, from: pool, for: context, refusalTitle: request.refusalTitle)
        }
    }

    /// The same where the work may leave the answer to the responder.
    public init(
        _ pattern: String, from pool: ConnectionPool, _ middleware: Middleware...,
        answer: @escaping @Sendable (borrowing HTTPRequest, RequestContext, Responder) throws -> PooledAnswer
    ) {
        self.init(pattern, middleware) { request, responder in
            let context = try RequestContext(request)
            try answer(request, context, responder).send(
                to: responder, from: pool, for: context, refusalTitle: request.refusalTitle)
        }
    }
}

/// A method that routes are declared with.
public protocol RouteVerb {
    static var method: HTTPMethod { get }
    /// Of every route with this method.
    static var middleware: [Middleware] { get }
}

/// The methods. What takes a body takes JSON, unless a route says otherwise.
public enum HTTPVerb {
    public enum Get: RouteVerb {
        public static let method = HTTPMethod.get
        public static let middleware: [Middleware] = []
    }
    public enum Post: RouteVerb {
        public static let method = HTTPMethod.post
        public static let middleware = [Middleware.body(.required)]
    }
    public enum Put: RouteVerb {
        public static let method = HTTPMethod.put
        public static let middleware = [Middleware.body(.required)]
    }
    public enum Patch: RouteVerb {
        public static let method = HTTPMethod.patch
        public static let middleware = [Middleware.body(.required)]
    }
    public enum Delete: RouteVerb {
        public static let method = HTTPMethod.delete
        public static let middleware: [Middleware] = []
    }
}
