import HTTPServer
import Logging
import Postgres

/// What answers a request on a pooled connection, off the event loop. Errors become problems; overload becomes 503.
///
/// The connection acts for the tenant that asks: of a pool on `ServiceContext.requestDatabase`, statements see no rows of
/// others.
public struct PooledAnswer: Sendable {
    /// Nil where the answer is left to the responder.
    public typealias Body = @Sendable (Connection) throws -> HTTPResponse?

    /// What the request is about, for log lines.
    private let order: OrderKey?
    private let body: Body

    public init(_ body: @escaping Body) {
        order = nil
        self.body = body
    }

    package init(order: OrderKey, _ body: @escaping Body) {
        self.order = order
        self.body = body
    }

    /// - Parameter refusalTitle: of what the work refuses the request for.
    package func send(
        to responder: Responder, from pool: ConnectionPool, for context: RequestContext, refusalTitle: String? = nil
    ) {
        let isQueued = pool.submit { [logger = pool.logger] connection in
            do {
                if let answer = try connection.get().acting(for: context.tenant, body) { responder.send(answer) }
            } catch let problem as HTTPProblem {
                responder.send(problem)
            } catch let error as PostgresError {
                logger.warning("request failed", metadata: fields(context, error))
                responder.send(Unavailable.problem(error))
            } catch let error as any AnswerableError {
                responder.send(error.problem(titled: refusalTitle))
            } catch {
                logger.error("request failed", metadata: fields(context, error))
                responder.send(HTTPProblem(.internalServerError))
            }
        }
        if !isQueued { responder.send(Unavailable.overloaded) }
    }

    private func fields(_ context: RequestContext, _ error: any Error) -> Logger.Metadata {
        let fields = order.map(context.logFields) ?? context.requestFields
        return fields.merging(["error": "\(error)"]) { $1 }
    }
}

/// The answers that ask a client to come again.
package enum Unavailable {
    package static let retryAfter = HTTPHeader("Retry-After", "1")

    package static let overloaded = HTTPProblem(
        .serviceUnavailable, title: "Overloaded", detail: "more requests are waiting than can be served soon",
        headers: [retryAfter])

    /// What a failed call to the database means to a client. Never the database's own words.
    package static func problem(_ error: PostgresError) -> HTTPProblem {
        error.isPassing
            ? HTTPProblem(
                .serviceUnavailable, title: "Database unavailable",
                detail: "the database can't do this now; with the same Idempotency-Key a retry is safe",
                headers: [retryAfter])
            : HTTPProblem(.internalServerError)
    }
}
