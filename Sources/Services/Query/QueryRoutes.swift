import HTTPServer
import JSON
import OrderflowKit
import Orders
import Postgres
import Projection

/// The read side over HTTP: `GET /orders/{id}`, its stream of changes, `GET /orders`, and the other read models.
public struct QueryRoutes: Sendable {
    private let views: ConnectionPool
    private let watch: OrderWatch

    public static let listLimit = 1...200

    /// - Parameter views: connections to the database of the read models.
    public init(views: ConnectionPool, watch: OrderWatch) {
        self.views = views
        self.watch = watch
    }

    public var routes: [Routes] {
        [
            Routes(needing: .ordersRead, orOwn: true, .noCache) {
                Get("/orders/:id", from: views) { try one($0, $1, $2) }
                Get("/orders/:id/stream", from: views) { try stream($0, $1, $2) }
                Get("/orders", from: views) { try list($0, $1) }
            },
            InvoiceRoutes(views: views).routes,
            SalesRoutes(views: views).routes,
        ]
    }

    // MARK: GET /orders/{id}

    private func one(
        _ request: borrowing HTTPRequest, _ context: RequestContext, _ responder: Responder
    ) throws -> PooledAnswer {
        let reach = try context.reach(.ordersRead)
        let key = OrderKey(tenant: reach.tenant, orderID: request.pathParameter("id"))
        let origin = request.remoteAddress.origin
        if let time = try request.time("at") { return past(key, within: reach, at: time) }
        let condition = try ReadCondition(request)
        return PooledAnswer(order: key) { connection in
            let view = try OrderViewStore.one(key.orderID, within: reach, on: connection)
            if let view, condition.isMet(by: view.tag) { return OrderViewAnswer.found(view, condition) }
            let otherwise = OrderViewAnswer.unmet(condition, view?.tag, key)
            guard condition.wait > 0 else { return otherwise }
            let known = view.flatMap { condition.isKnown($0.tag) ? $0.tag : nil }
            let end = try watch.wait(
                OrderWatch.Interest(orderID: key.orderID, reach: reach, least: condition.least, known: known),
                for: .seconds(condition.wait), from: origin
            ) { view in
                responder.send(view.map { OrderViewAnswer.found($0, condition) } ?? otherwise)
            }
            responder.onPeerEnded(end)
            return nil
        }
    }

    /// The order as it was: its facts up to then, folded again.
    private func past(_ key: OrderKey, within reach: Reach, at time: Int64) -> PooledAnswer {
        PooledAnswer(order: key) { connection in
            guard let view = try OrderViewStore.one(key.orderID, within: reach, on: connection) else {
                throw OrderViewAnswer.missing(key)
            }
            let now = try view.document.withUnsafeBytes { try OrderView(document: $0) }
            guard let then = now.asOf(time) else {
                throw HTTPProblem(.notFound, detail: "order \(key.orderID) was not there at \(RFC3339.text(time))")
            }
            return HTTPResponse.json(.ok, then.document())
        }
    }

    // MARK: GET /orders/{id}/stream

    /// The order now, and again at each change, each as an event `order` whose id is the state's tag. Never ends by
    /// itself. A client that comes back with `Last-Event-ID` gets the present state only if it doesn't have it yet.
    private func stream(
        _ request: borrowing HTTPRequest, _ context: RequestContext, _ responder: Responder
    ) throws -> PooledAnswer {
        let reach = try context.reach(.ordersRead)
        let caller = context.principal
        let key = OrderKey(tenant: reach.tenant, orderID: request.pathParameter("id"))
        let known = request.header("Last-Event-ID").flatMap { ViewTag($0) }
        let origin = request.remoteAddress.origin
        return PooledAnswer(order: key) { connection in
            if try OrderViewStore.one(key.orderID, within: reach, on: connection) != nil {
                try follow(key.orderID, reach, known, origin, caller, responder)
                return nil
            }
            // A customer's page may be quicker than the projection. An EventSource gives up for good at a 404.
            let end = try watch.wait(
                OrderWatch.Interest(orderID: key.orderID, reach: reach), for: .seconds(ReadCondition.longestWait),
                from: origin
            ) { view in
                do {
                    guard view != nil else { throw OrderViewAnswer.missing(key) }
                    try follow(key.orderID, reach, known, origin, caller, responder)
                } catch {
                    responder.send(error as? HTTPProblem ?? HTTPProblem(.internalServerError))
                }
            }
            responder.onPeerEnded(end)
            return nil
        }
    }

    private func follow(
        _ orderID: String, _ reach: Reach, _ known: ViewTag?, _ origin: SocketAddress.Origin, _ caller: Principal,
        _ responder: Responder
    ) throws(HTTPProblem) {
        var stream: EventStream?
        let interest = OrderWatch.Interest(orderID: orderID, reach: reach, known: known)
        let end = try watch.stream(interest, from: origin) {
            let opened = responder.stream()
            stream = opened
            return { view in
                // Ends where its caller isn't let in any more.
                !caller.isOver && opened.send(event: "order", id: view.tag.description, data: view.document)
            }
        }
        stream?.onDisconnect(end)
    }

    // MARK: GET /orders

    private func list(_ request: borrowing HTTPRequest, _ context: RequestContext) throws -> PooledAnswer {
        var filter = try OrderViewStore.Filter(within: context.reach(.ordersRead), of: request.query("userId"))
        filter.status = try request.choice("status", of: OrderStatus.self)?.rawValue
        filter.createdFrom = try request.time("from")
        filter.createdBefore = try request.time("to")
        let limit = try request.limit(Self.listLimit, default: 50)
        let cursor = try request.cursor(ListCursor.self)
        return PooledAnswer { [cursor, filter] connection in
            let (documents, next) = try OrderViewStore.page(filter, after: cursor, limit: limit, on: connection)
            var json = JSONWriter(capacity: documents.reduce(64) { $0 + $1.count + 1 })
            json.object { json in
                json.key("orders")
                json.array { json in for document in documents { json.raw(document) } }
                json.field("nextCursor", next?.encoded)
            }
            return HTTPResponse.json(.ok, json.bytes)
        }
    }
}
