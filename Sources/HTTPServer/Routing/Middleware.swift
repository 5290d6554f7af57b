/// What holds for a route besides its handler, said once for a whole group or for one route more: a limit, fields of
/// its answers, a check before the handler.
///
/// Middleware is a value, and composing it happens once, when routes are declared: a request pays for the checks that
/// its route has, by plain calls, and for nothing else.
public struct Middleware: Sendable {
    /// Refuses a request, by throwing, before its handler sees it. Runs on an event loop and must not block.
    public typealias Check = @Sendable (borrowing HTTPRequest) throws(HTTPProblem) -> Void
    /// Finds out who sent a request, or refuses it. Runs on an event loop and must not block.
    public typealias Identification = @Sendable (borrowing HTTPRequest) throws(HTTPProblem) -> any HTTPCaller

    private(set) var bodyLimit: Int?
    private(set) var streamedBodyLimit: Int?
    private(set) var headers: [HTTPHeader] = []
    private(set) var refusalTitle: String?
    private(set) var body: JSONBody?
    private(set) var check: Check?
    private(set) var identification: Identification?

    private init() {}

    /// The largest request body in bytes, where it is smaller than the server's own limit. A larger one is refused with
    /// 413 before it is read. The smallest limit counts.
    public static func bodyLimit(_ bytes: Int) -> Middleware {
        var middleware = Middleware()
        middleware.bodyLimit = bytes
        return middleware
    }

    /// The handler is called once the head is here, and takes the body in pieces (`Responder.takeBody`). Neither the
    /// server's own limit of bodies nor its time for them hold then, but this limit, `Timeouts.upload` for the whole, and
    /// the least rate.
    ///
    /// - Parameter limit: in bytes of content. Beyond it a `Content-Length` is refused with 413, and a body in chunks ends
    ///   as `BodyFailure.tooLarge`.
    public static func streamedBody(limit: Int) -> Middleware {
        var middleware = Middleware()
        middleware.streamedBodyLimit = limit
        return middleware
    }

    /// Fields of every answer to a request that has reached the route, its problems among them. An answer that has a
    /// field of that name itself keeps its own.
    public static func headers(_ headers: [HTTPHeader]) -> Middleware {
        var middleware = Middleware()
        middleware.headers = headers
        return middleware
    }

    /// `Cache-Control: no-cache`: an answer may be kept, and is asked for again each time (RFC 9111 §5.2.2.4). Without
    /// it a cache may go on telling a client that what is there by now is not found (RFC 9110 §15.1).
    public static let noCache = headers([HTTPHeader("Cache-Control", "no-cache")])

    /// `Cache-Control: no-store`: an answer is kept nowhere.
    public static let noStore = headers([HTTPHeader("Cache-Control", "no-store")])

    /// The title of the problem that a request is answered with when its content is refused (`AnswerableError`).
    public static func refusals(titled title: String) -> Middleware {
        var middleware = Middleware()
        middleware.refusalTitle = title
        return middleware
    }

    /// What a body has to be; asked after the checks.
    public static func body(_ body: JSONBody) -> Middleware {
        var middleware = Middleware()
        middleware.body = body
        return middleware
    }

    public static func check(_ check: @escaping Check) -> Middleware {
        var middleware = Middleware()
        middleware.check = check
        return middleware
    }

    /// Who sent a request, asked before everything else: checks and handlers find it as `HTTPRequest.caller`.
    public static func caller(_ identification: @escaping Identification) -> Middleware {
        var middleware = Middleware()
        middleware.identification = identification
        return middleware
    }

    /// The whole of several: of the outermost first, then of the next.
    package static func composed(_ parts: [Middleware]) -> Middleware { parts.reduce(Middleware()) { $0.around($1) } }

    /// Checks run from the outside in; what the inner one says of answers counts.
    private func around(_ inner: Middleware) -> Middleware {
        var whole = Middleware()
        whole.bodyLimit = [bodyLimit, inner.bodyLimit].compactMap(\.self).min()
        whole.streamedBodyLimit = inner.streamedBodyLimit ?? streamedBodyLimit
        whole.headers = headers.filter { !inner.headers.contains(named: $0.name) } + inner.headers
        whole.refusalTitle = inner.refusalTitle ?? refusalTitle
        whole.body = inner.body ?? body
        // The outer one: nothing that is said of a route can take a group's away.
        whole.identification = identification ?? inner.identification
        switch (check, inner.check) {
        case (let first?, let second?):
            whole.check = { request throws(HTTPProblem) in
                try first(request)
                try second(request)
            }
        case (let only, nil), (nil, let only): whole.check = only
        }
        return whole
    }
}
