import HTTPServer
import OrderflowKit
import Postgres
import Query

/// How a batch of orders fares over HTTP: `GET /batches/{id}` and its stream of changes. Answered by the API alone: the
/// counts are in its database, made by the commits that end orders, so that nobody sees them later than they are.
struct BatchQueryRoutes: Sendable {
    private let database: ConnectionPool
    private let watch: BatchWatch

    static let failuresLimit = 1...1_000
    private static let usualFailures = 100

    init(_ database: ConnectionPool, watch: BatchWatch) {
        self.database = database
        self.watch = watch
    }

    var routes: Routes {
        Routes(needing: .ordersRead, orOwn: true, .noCache) {
            Get("/batches/:id", from: database) { try one($0, $1, $2) }
            Get("/batches/:id/stream", from: database) { try stream($0, $1, $2) }
        }
    }

    private static func missing(_ batchID: String) -> HTTPProblem {
        HTTPProblem(.notFound, detail: "there is no batch \(batchID)")
    }

    // MARK: GET /batches/{id}

    private enum Flag: String, CaseIterable { case `true`, `false` }

    /// Which failures are asked for.
    private struct Failures {
        let cursor: BatchFailure.Cursor?
        let limit: Int
    }

    /// With `Prefer: wait` and without `If-None-Match` it waits for the end of all orders; with it, for another state.
    private func one(
        _ request: borrowing HTTPRequest, _ context: RequestContext, _ responder: Responder
    ) throws -> PooledAnswer {
        let reach = try context.reach(.ordersRead)
        let key = BatchKey(tenant: reach.tenant, batchID: request.pathParameter("id"))
        let seconds = min(Preferences.wait(request.headers("Prefer")) ?? 0, ReadCondition.longestWait)
        let known = EntityTagList.opaqueTags(request.headers("If-None-Match"))
        let cursor = try request.cursor(BatchFailure.Cursor.self)
        let limit = try request.limit(Self.failuresLimit, default: Self.usualFailures)
        let failures =
            try request.choice("failed", of: Flag.self) == .true || cursor != nil
            ? Failures(cursor: cursor, limit: limit) : nil
        let origin = request.remoteAddress.origin
        return PooledAnswer { connection in
            guard let state = try BatchState.one(key.batchID, within: reach, on: connection) else {
                throw Self.missing(key.batchID)
            }
            let isKnown = known.contains { $0 == "*" || $0 == state.tag }
            let isAwaited = known.isEmpty ? state.stage != .completed : isKnown
            guard seconds > 0, isAwaited else {
                return isKnown
                    ? Self.unchanged(state, seconds) : try Self.found(state, failures, of: key, seconds, on: connection)
            }
            let interest = BatchInterest(
                key: key, change: known.isEmpty ? .completed : .other(than: state.tag))
            let end = try watch.wait(interest, for: .seconds(seconds), from: origin) { [database] seen in
                if seen == nil, isKnown { return responder.send(Self.unchanged(state, seconds)) }
                // What it is now: it may have changed since, and failures are read with it.
                PooledAnswer { connection in
                    guard let now = try BatchState.one(key.batchID, within: reach, on: connection) else {
                        throw Self.missing(key.batchID)
                    }
                    return try Self.found(now, failures, of: key, seconds, on: connection)
                }.send(to: responder, from: database, for: context)
            }
            responder.onPeerEnded(end)
            return nil
        }
    }

    private static func found(
        _ state: BatchState, _ failures: Failures?, of key: BatchKey, _ seconds: Int, on connection: Connection
    ) throws -> HTTPResponse {
        let page = try failures.map { asked in
            let (failures, next) = try BatchFailure.page(
                of: key, after: asked.cursor, limit: asked.limit, on: connection)
            return (page: failures, next: next)
        }
        return HTTPResponse.json(.ok, state.json(page), headers: headers(state, seconds))
    }

    private static func unchanged(_ state: BatchState, _ seconds: Int) -> HTTPResponse {
        HTTPResponse(.notModified, headers: headers(state, seconds))
    }

    private static func headers(_ state: BatchState, _ seconds: Int) -> [HTTPHeader] {
        [HTTPHeader("ETag", "\"\(state.tag)\"")]
            + (seconds > 0 ? [HTTPHeader("Preference-Applied", "wait=\(seconds)")] : [])
    }

    // MARK: GET /batches/{id}/stream

    /// The batch now, and again as it changes, each as an event `batch` whose id is the state's tag. Ends itself once all
    /// orders have ended. A client that comes back with `Last-Event-ID` gets the present state only if it doesn't have it
    /// yet, and none of a batch that has ended: 204, which an EventSource takes for the end (WHATWG HTML §9.2.3).
    private func stream(
        _ request: borrowing HTTPRequest, _ context: RequestContext, _ responder: Responder
    ) throws -> PooledAnswer {
        let reach = try context.reach(.ordersRead)
        let caller = context.principal
        let key = BatchKey(tenant: reach.tenant, batchID: request.pathParameter("id"))
        let known = request.header("Last-Event-ID") ?? ""
        let origin = request.remoteAddress.origin
        return PooledAnswer { connection in
            guard let state = try BatchState.one(key.batchID, within: reach, on: connection) else {
                throw Self.missing(key.batchID)
            }
            if state.stage == .completed, state.tag == known { return HTTPResponse(.noContent) }
            var stream: EventStream?
            let interest = BatchInterest(key: key, change: .other(than: known))
            let end = try watch.stream(interest, from: origin) {
                let opened = responder.stream()
                stream = opened
                return { state in
                    // Ends where its caller isn't let in any more.
                    guard !caller.isOver, opened.send(event: "batch", id: state.tag, data: state.json()) else {
                        return false
                    }
                    guard state.stage == .completed else { return true }
                    opened.close()
                    return false
                }
            }
            stream?.onDisconnect(end)
            return nil
        }
    }
}
