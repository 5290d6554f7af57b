import HTTPServer
import JSON
import Logging
import Messaging
import OrderflowKit
import Postgres

/// The sagas over HTTP, on the saga role's own port: `GET /sagas/{orderId}` and `GET /sagas?status=&attention=`.
public struct SagaRoutes: Sendable {
    private let desk: SagaDesk
    private let database: ConnectionPool
    private let logger: Logger

    public static let listLimit = 1...200

    public init(_ orchestrator: SagaOrchestrator, database: ConnectionPool, logger: Logger) {
        desk = SagaDesk(orchestrator)
        self.database = database
        self.logger = logger
    }

    public var routes: Routes {
        Routes(needing: .operate, .noCache) {
            Get("/sagas/:id", from: database) { one($0, $1) }
            Get("/sagas", from: database) { try list($0, $1) }
        }
    }

    private func one(_ request: borrowing HTTPRequest, _ context: RequestContext) -> PooledAnswer {
        let key = SagaKey(tenant: context.tenant, id: request.pathParameter("id"))
        let order = OrderKey(tenant: key.tenant, orderID: key.id)
        return PooledAnswer(order: order) { connection in
            guard let (saga, log) = try desk.show(key, on: connection) else {
                throw HTTPProblem(.notFound, detail: "nothing is known yet of an order \(key.id)")
            }
            var json = JSONWriter(capacity: 2048)
            SagaDocument.write(saga, log: log, into: &json)
            return .json(.ok, json.bytes)
        }
    }

    private func list(_ request: borrowing HTTPRequest, _ context: RequestContext) throws -> PooledAnswer {
        var filter = SagaDesk.Filter(tenant: context.tenant)
        filter.status = try request.choice("status", of: SagaInstance.Status.self)
        if let text = try request.query("attention") {
            guard let attention = Bool(text) else {
                throw HTTPProblem(.badRequest, detail: "attention must be true or false")
            }
            filter.attention = attention
        }
        let limit = try request.limit(Self.listLimit, default: 50)
        let place = try request.cursor(ListCursor.self).map { SagaDesk.Place(createdAt: $0.createdAt, id: $0.id) }
        return PooledAnswer { [filter] connection in
            let page = try desk.list(filter, after: place, limit: limit, on: connection)
            for error in page.unreadable { logger.error("saga_unreadable", metadata: ["error": "\(error)"]) }
            var json = JSONWriter(capacity: 512 * page.sagas.count + 64)
            json.object { json in
                let written = json.page("sagas", page.sagas) { SagaDocument.write($1, log: nil, into: &$0) }
                let next =
                    written < page.sagas.count
                    ? ListCursor(createdAt: page.sagas[written - 1].createdAt, id: page.sagas[written - 1].key.id)
                    : page.next.map { ListCursor(createdAt: $0.createdAt, id: $0.id) }
                json.field("nextCursor", next?.encoded)
            }
            return .json(.ok, json.bytes)
        }
    }
}
