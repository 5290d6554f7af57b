import Execution
import HTTPServer
import Logging
import OrderflowKit
import Outbound
import Postgres
import Query

/// `GET /orders/{id}/saga` on the API: asks the saga role, whose database is its own, on threads of its own.
///
/// A saga role that is slow or away costs the API nothing but this answer: few calls run at once, few wait, each is
/// cut off after two seconds, and after some failures in a row nobody waits at all for a while.
public final class SagaLookup: Sendable {
    private struct Question: Sendable {
        let path: String
        let headers: [(name: String, value: String)]
        let responder: Responder
        let fields: Logger.Metadata
    }

    private let url: String
    /// Where it stands whose an order is.
    private let orders: ConnectionPool
    /// What this process shows the saga role.
    private let credentials: [(name: String, value: String)]
    private let logger: Logger
    private let client = HTTPClient(.ownDaemons)
    public let breaker: CircuitBreaker
    private let questions = WorkQueue<Question>(limit: 64)

    private static let threads = 2

    /// - Parameters:
    ///   - url: of the saga role, such as `http://127.0.0.1:3007`.
    ///   - orders: connections to the event store. Asked only for callers who may see their own orders alone.
    ///   - credentials: header fields that tell the saga role who asks.
    public init(
        url: String, orders: ConnectionPool, credentials: [(name: String, value: String)] = [], logger: Logger
    ) {
        self.orders = orders
        self.credentials = credentials
        self.url = url.hasSuffix("/") ? String(url.dropLast()) : url
        self.logger = logger
        breaker = CircuitBreaker(name: "saga", threshold: 3, cooldown: .seconds(2)) { state in
            logger.warning("circuit_changed", metadata: ["circuit": "saga", "state": "\(state.rawValue)"])
        }
    }

    /// The lookup of an API process.
    static func running(_ context: ServiceContext, orders: ConnectionPool) -> Running {
        let settings = context.settings
        guard let url = RoleURLs.url(of: "saga", settings) else { return Running() }
        let lookup = SagaLookup(
            url: url, orders: orders, credentials: settings.auth.serviceHeaders, logger: context.logger)
        context.collectors.watch(lookup.breaker)
        return Running(parts: lookup.parts, routes: [lookup.routes])
    }

    public var routes: Routes {
        Routes(needing: .ordersRead, orOwn: true, .noCache) {
            Get("/orders/:id/saga") { request, context, responder in try self.ask(request, context, responder) }
        }
    }

    private func ask(_ request: borrowing HTTPRequest, _ context: RequestContext, _ responder: Responder) throws {
        let reach = try context.reach(.ordersRead)
        let key = OrderKey(tenant: reach.tenant, orderID: request.pathParameter("id"))
        let headers = [
            ("X-Tenant-Id", context.tenant), ("X-Correlation-Id", context.correlationID),
            ("traceparent", context.traceparent),
        ].compactMap { name, value in value.map { (name: name, value: $0) } }
        let logAfter = try request.query("log_after", as: Int64.self).map { "?log_after=\($0)" } ?? ""
        let question = Question(
            path: "/sagas/" + URLPath.segment(key.orderID) + logAfter, headers: headers,
            responder: responder,
            fields: context.requestFields)
        guard reach.userID != nil else { return try ask(question) }
        PooledAnswer(order: key) { connection in
            guard try OrderStreams.first(of: key.orderID, within: reach, on: connection) != nil else {
                throw Self.unheard
            }
            try self.ask(question)
            return nil
        }.send(to: responder, from: orders, for: context)
    }

    private func ask(_ question: Question) throws(HTTPProblem) {
        if !questions.add(question) { throw Unavailable.overloaded }
    }

    public var parts: [ThreadGroup.Part] {
        (1...Self.threads).map { number in
            ThreadGroup.Part("saga-lookup-\(number)") { stop in
                self.questions.run(until: stop) { $0.responder.send(self.answer($0)) }
            }
        }
    }

    private func answer(_ question: Question) -> HTTPResponse {
        do {
            try breaker.permit()
        } catch {
            return Self.away.response
        }
        do {
            let answer = try client.send(
                HTTPClient.Request(url: url + question.path, headers: question.headers + credentials))
            guard answer.status < 500 else { throw Unwell(status: answer.status) }
            breaker.succeeded()
            switch answer.status {
            case 200: return .json(.ok, answer.body)
            case 404: return Self.unheard.response
            default: return HTTPProblem(.badRequest, detail: "the saga role refuses the request").response
            }
        } catch {
            breaker.failed()
            logger.warning(
                "saga_lookup_failed", metadata: question.fields.merging(["error": "\(error)"]) { $1 })
            return Self.away.response
        }
    }

    /// An answer that is as good as none.
    private struct Unwell: Error, CustomStringConvertible {
        let status: Int
        var description: String { "status \(status)" }
    }

    private static let unheard = HTTPProblem(.notFound, detail: "the saga has heard nothing of this order yet")

    private static let away = HTTPProblem(
        .serviceUnavailable, title: "Saga unavailable",
        detail: "the saga role can't be reached; the order itself is at GET /orders/{id}",
        headers: [Unavailable.retryAfter])
}
