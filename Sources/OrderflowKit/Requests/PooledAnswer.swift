import HTTPServer
import Logging
import Postgres

/// Answers a request from a pooled connection, off the event loop. Errors become problems; overload becomes 503.
package enum PooledAnswer {
    /// - Parameters:
    ///   - fields: what log lines say of the request; put together only when there is something to say.
    ///   - body: nil when somebody else will answer.
    package static func send(
        _ responder: Responder, from pool: ConnectionPool, logger: Logger,
        fields: @escaping @Sendable @autoclosure () -> Logger.Metadata = [:],
        _ body: @escaping @Sendable (Connection) throws -> HTTPResponse?
    ) {
        let queued = pool.submit { connection in
            do {
                if let answer = try body(try connection.get()) { responder.send(answer) }
            } catch let problem as HTTPProblem {
                responder.send(problem)
            } catch let error as PostgresError {
                logger.warning("request failed", metadata: fields().merging(["error": "\(error)"]) { $1 })
                responder.send(Unavailable.problem(error))
            } catch {
                logger.error("request failed", metadata: fields().merging(["error": "\(error)"]) { $1 })
                responder.send(HTTPProblem(.internalServerError))
            }
        }
        if !queued { responder.send(Unavailable.overloaded) }
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
