import HTTPServer
import JSON
import Logging
import Messaging
import OrderflowKit
import Postgres

/// The sagas over HTTP, on the saga role's own port: `GET /sagas/{orderId}?log_after=` and
/// `GET /sagas?status=&attention=`, or `GET /sagas?id=&id=…` for those of some orders.
public struct SagaRoutes: Sendable {
    private let sagaOperator: SagaOperator
    private let database: ConnectionPool
    private let logger: Logger

    public static let listLimit = 1...200
    /// Orders that one request may name, and lines of history that each is shown with.
    static let namedLimit = 50
    private static let namedLog = 50

    public init(_ orchestrator: SagaOrchestrator, database: ConnectionPool, logger: Logger) {
        sagaOperator = SagaOperator(orchestrator)
        self.database = database
        self.logger = logger
    }

    public var routes: Routes {
        Routes(needing: .operate, .noCache) {
            Get("/sagas/:id", from: database) { try one($0, $1) }
            Get("/sagas", from: database) { try list($0, $1) }
        }
    }

    private func one(_ request: borrowing HTTPRequest, _ context: RequestContext) throws -> PooledAnswer {
        let key = SagaKey(tenant: context.tenant, id: request.pathParameter("id"))
        let order = OrderKey(tenant: key.tenant, orderID: key.id)
        let logAfter = try request.query("log_after", as: Int64.self) ?? 0
        guard logAfter >= 0 else { throw HTTPProblem(.badRequest, detail: "log_after must be a nextLog of this order") }
        return PooledAnswer(order: order) { connection in
            guard let shown = try sagaOperator.show(key, logAfter: logAfter, on: connection) else {
                throw HTTPProblem(.notFound, detail: "nothing is known yet of an order \(key.id)")
            }
            var json = JSONWriter(capacity: 2048)
            SagaDocument.write(shown.saga, log: shown.log, nextLog: shown.nextLog, into: &json)
            return .json(.ok, json.bytes)
        }
    }

    private func list(_ request: borrowing HTTPRequest, _ context: RequestContext) throws -> PooledAnswer {
        var filter = SagaOperator.Filter(tenant: context.tenant)
        filter.status = try request.choice("status", of: SagaInstance.Status.self)
        if let text = try request.query("attention") {
            guard let attention = Bool(text) else {
                throw HTTPProblem(.badRequest, detail: "attention must be true or false")
            }
            filter.attention = attention
        }
        let limit = try request.limit(Self.listLimit, default: 50)
        let place = try request.cursor(ListCursor.self).map { SagaOperator.Place(createdAt: $0.createdAt, id: $0.id) }
        // They need no filter, but nonsense beside them is nonsense.
        let named = try request.queryItems().filter { $0.name == "id" }.map(\.value)
        if !named.isEmpty { return try self.named(named, of: context.tenant) }
        return PooledAnswer { [filter] connection in
            let page = try sagaOperator.list(filter, after: place, limit: limit, on: connection)
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

    /// Those of the orders that something is known of, with the beginning of their history.
    private func named(_ orderIDs: [String], of tenant: String) throws -> PooledAnswer {
        guard orderIDs.count <= Self.namedLimit else {
            throw HTTPProblem(.badRequest, detail: "id may come \(Self.namedLimit) times at most")
        }
        return PooledAnswer { connection in
            let (sagas, unreadable) = try sagaOperator.show(
                orderIDs.map { SagaKey(tenant: tenant, id: $0) }, limit: Self.namedLog, on: connection)
            for error in unreadable { logger.error("saga_unreadable", metadata: ["error": "\(error)"]) }
            var json = JSONWriter(capacity: 2048 * sagas.count + 64)
            json.object { json in
                json.key("sagas")
                json.array { json in
                    for shown in sagas {
                        SagaDocument.write(shown.saga, log: shown.log, nextLog: shown.nextLog, into: &json)
                    }
                }
            }
            return .json(.ok, json.bytes)
        }
    }
}
