import HTTPServer
import OrderflowKit
import Postgres

/// Who asks, and what is sent on in its name where another role is asked.
package struct GraphQLCaller: Sendable {
    package let context: RequestContext
    /// As it was sent; nil where nobody is asked for one.
    let authorization: String?
    /// Of the request's header: for mutations that are given none.
    let idempotencyKey: String?
    let origin: SocketAddress.Origin

    init(_ request: borrowing HTTPRequest, _ context: RequestContext) throws(HTTPProblem) {
        self.context = context
        authorization = try request.onlyHeader("Authorization")
        idempotencyKey = try request.onlyHeader("Idempotency-Key").map { key in
            key.utf8.count >= 2 && key.hasPrefix("\"") && key.hasSuffix("\"")
                ? String(key.dropFirst().dropLast()) : key
        }
        origin = request.remoteAddress.origin
    }

    /// Header fields that make another role see the same caller.
    var credentials: [(name: String, value: String)] {
        let actor = context.principal.kind == .open ? context.actor : nil
        return fields
            + [("Authorization", authorization), ("X-Actor", actor)].compactMap { name, value in
                value.map { (name: name, value: $0) }
            }
    }

    /// Header fields that say for whom another role works, whichever role asks it.
    var fields: [(name: String, value: String)] {
        [
            ("X-Tenant-Id", context.tenant), ("X-Correlation-Id", context.correlationID),
            ("traceparent", context.traceparent),
        ].compactMap { name, value in value.map { (name: name, value: $0) } }
    }
}

/// What the resolvers of one request have: who asks, and whom they ask.
struct GraphQLContext: Sendable {
    let caller: GraphQLCaller
    private let sources: GraphQLSources

    init(_ caller: GraphQLCaller, _ sources: GraphQLSources) {
        self.caller = caller
        self.sources = sources
    }

    var tenant: String { caller.context.tenant }
    var links: ShopLinks { sources.links }
    var writes: any WriteSide { sources.writes }
    var histories: any OrderHistories { sources.histories }
    var changes: OrderChanges { sources.changes }

    // MARK: Rights

    /// What the caller gets at under `right`.
    func reach(_ right: Right) throws(ProblemError) -> Reach {
        do {
            return try caller.context.reach(right)
        } catch {
            throw ProblemError(error)
        }
    }

    /// The same, where it is one user's data that is asked for.
    @discardableResult
    func reach(_ right: Right, of userID: String) throws(ProblemError) -> Reach {
        let reach = try reach(right)
        do {
            try reach.demand(userID)
        } catch {
            throw ProblemError(error)
        }
        return reach
    }

    func demand(_ right: Right) throws(ProblemError) {
        do {
            try caller.context.demand(right)
        } catch {
            throw ProblemError(error)
        }
    }

    // MARK: Reading

    /// Reads the read models on a thread of their pool, in the name of the caller's tenant.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (Connection) throws -> Value
    ) async throws -> Value {
        do {
            return try await sources.views.withConnection { [tenant] connection in
                try connection.acting(for: tenant, body)
            }
        } catch {
            throw ProblemError.of(error) ?? error
        }
    }
}

/// Whom the resolvers of a process ask.
struct GraphQLSources: Sendable {
    /// Connections to the read models.
    let views: ConnectionPool
    let changes: OrderChanges
    let links: ShopLinks
    let writes: any WriteSide
    let histories: any OrderHistories
}
