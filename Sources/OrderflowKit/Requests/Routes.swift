import HTTPServer

/// Routes of a service, with what is said once for all of them: the right that a caller needs, and middleware.
///
///     Routes(needing: .reportsRead, .noCache) {
///         Get("/loyalty/:userID", from: database) { request, context in
///             let userID = request.pathParameter("userID")
///             return PooledAnswer { connection in
///                 .json(.ok, try LoyaltyStore.points(of: userID, in: context.tenant, on: connection))
///             }
///         }
///     }
///
/// A role serves `Routes` and nothing else, so that there is no route without a right.
public struct Routes: Sendable {
    public let need: RouteNeed
    private let middleware: [Middleware]
    package let endpoints: [Endpoint]

    /// - Parameter orOwn: whether callers are let in too who have the right for what is their own only
    ///   (`Right.own`): for handlers that keep them to that.
    ///   - others: rights of which any lets a caller in as well, for routes where what is asked for says what is needed:
    ///   handlers ask for it (`RequestContext.demand`, `.reach`).
    public init(
        needing right: Right, orOwn: Bool = false, orAnyOf others: [Right] = [], _ middleware: Middleware...,
        @RoutesBuilder routes: () -> RoutesBuilder.Parts
    ) {
        precondition(!orOwn || right.own != nil, "there is no \(right.rawValue) of one's own")
        need = RouteNeed(right: right, isOwnEnough: orOwn, others: others)
        self.middleware = middleware
        endpoints = routes().endpoints
    }

    /// Behind a gate: nothing of a request is looked at before its caller is known.
    fileprivate func group(_ gate: any AccessGate) -> RouteGroup {
        let admission = Middleware.caller { [need] request throws(HTTPProblem) in
            AdmittedCaller(principal: try gate.admit(request, to: need), refusals: gate.refusals)
        }
        return RouteGroup(middleware: [admission] + middleware, endpoints: endpoints)
    }
}

extension Router {
    /// All routes behind one gate.
    package init(_ routes: [Routes], gate: any AccessGate = OpenGate()) {
        self.init(routes.map { $0.group(gate) })
    }
}

/// Lets groups be written one after the other.
@resultBuilder public enum RouteGroupsBuilder {
    public static func buildExpression(_ group: Routes) -> [Routes] { [group] }
    public static func buildExpression(_ groups: [Routes]) -> [Routes] { groups }
    public static func buildBlock(_ parts: [Routes]...) -> [Routes] { parts.flatMap(\.self) }
    public static func buildOptional(_ part: [Routes]?) -> [Routes] { part ?? [] }
}

/// Lets the routes of a group be written one a line.
@resultBuilder public enum RoutesBuilder {
    public struct Parts: Sendable {
        let endpoints: [Endpoint]
    }

    public static func buildExpression<Verb>(_ route: Route<Verb>) -> Parts { Parts(endpoints: [route.endpoint]) }
    public static func buildBlock(_ parts: Parts...) -> Parts { Parts(endpoints: parts.flatMap(\.endpoints)) }
    public static func buildOptional(_ part: Parts?) -> Parts { part ?? Parts(endpoints: []) }
    public static func buildEither(first: Parts) -> Parts { first }
    public static func buildEither(second: Parts) -> Parts { second }
    public static func buildArray(_ parts: [Parts]) -> Parts { Parts(endpoints: parts.flatMap(\.endpoints)) }
}
