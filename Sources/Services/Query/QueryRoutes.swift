import HTTPServer
import JSON
import Logging
import Orders
import Postgres

/// The read side over HTTP: `GET /orders/{id}` and `GET /orders`, from the read model.
public struct QueryRoutes: Sendable {
    private let views: ConnectionPool
    private let logger: Logger

    public static let listLimit = 1...200

    /// - Parameter views: connections to the database of the read models.
    public init(views: ConnectionPool, logger: Logger) {
        self.views = views
        self.logger = logger
    }

    public func add(to router: inout Router) {
        router.on(.get, "/orders/:id") { try one($0, $1) }
        router.on(.get, "/orders") { try list($0, $1) }
    }

    private func one(_ request: borrowing HTTPRequest, _ responder: Responder) throws {
        let context = try RequestContext(request)
        let key = OrderKey(tenant: context.tenant, orderID: request.pathParameter("id"))
        let known = request.header("If-None-Match")
        PooledAnswer.send(responder, from: views, logger: logger, fields: context.logFields(key)) { connection in
            guard let view = try OrderViewStore.one(key, on: connection) else {
                throw HTTPProblem(.notFound, detail: "there is no order \(key.orderID)")
            }
            let tag = "\"\(view.version).\(view.revision)\""
            let headers = [HTTPHeader("ETag", tag), HTTPHeader("Cache-Control", "no-cache")]
            if let known, Self.matches(known, tag) { return HTTPResponse(.notModified, headers: headers) }
            return HTTPResponse.json(.ok, view.document, headers: headers)
        }
    }

    /// RFC 9110 §13.1.2: any of the listed tags, weak or strong, or `*`.
    private static func matches(_ header: String, _ tag: String) -> Bool {
        header.split(separator: ",").contains { part in
            let candidate = part.drop { $0 == " " || $0 == "\t" }
            let bare = candidate.hasPrefix("W/") ? candidate.dropFirst(2) : candidate
            return bare == "*" || bare.prefix { $0 != " " } == tag
        }
    }

    private func list(_ request: borrowing HTTPRequest, _ responder: Responder) throws {
        let context = try RequestContext(request)
        var filter = OrderViewStore.Filter(tenant: context.tenant)
        filter.userID = try request.query("userId")
        filter.status = try request.query("status")
        if let status = filter.status, Order.Status(rawValue: status) == nil {
            throw HTTPProblem(
                .badRequest,
                detail: "status must be one of \(Order.Status.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        filter.createdFrom = try Self.time(request, "from")
        filter.createdBefore = try Self.time(request, "before")
        let limit = try request.query("limit", as: Int.self) ?? 50
        guard Self.listLimit.contains(limit) else {
            throw HTTPProblem(
                .badRequest, detail: "limit must be from \(Self.listLimit.lowerBound) to \(Self.listLimit.upperBound)")
        }
        var cursor: ListCursor?
        if let text = try request.query("cursor") {
            guard let known = ListCursor(encoded: text) else {
                throw HTTPProblem(.badRequest, detail: "cursor is none that this API gave out")
            }
            cursor = known
        }
        PooledAnswer.send(responder, from: views, logger: logger) { [cursor, filter] connection in
            let (documents, next) = try OrderViewStore.page(filter, after: cursor, limit: limit, on: connection)
            var json = JSONWriter(capacity: documents.reduce(64) { $0 + $1.count + 1 })
            json.object { json in
                json.key("orders")
                json.array { json in for document in documents { json.raw(document) } }
                json.field("nextCursor", next?.encoded)
            }
            return HTTPResponse.json(.ok, json.bytes, headers: [HTTPHeader("Cache-Control", "no-cache")])
        }
    }

    private static func time(_ request: borrowing HTTPRequest, _ name: String) throws(HTTPProblem) -> Int64? {
        guard let text = try request.query(name) else { return nil }
        guard let time = RFC3339.microseconds(text) else {
            throw HTTPProblem(.badRequest, detail: "\(name) must be an RFC 3339 time such as 2026-01-31T00:00:00Z")
        }
        return time
    }
}
