import Execution
import HTTPServer
import JSON
import Messaging
import Orders
import Outbound
import Postgres
import TestServers
import Testing

@testable import Fulfilment
@testable import OrderAPI
@testable import OrderflowKit

@Suite(.blocking) struct SagaRoutesTests {
    /// A saga database with some orders in it, and its routes on a port.
    ///
    /// - Parameter troubled: orders that need a person.
    private func withSagas(
        troubled: [SagaKey] = [], _ body: (_ port: UInt16) async throws -> Void
    ) async throws {
        let database = try freshDatabase(ServiceDatabase.saga.migrations)
        let orchestrator = try FulfilmentSaga.orchestrator(Settings(.fulfilment))
        let connection = try Connection(database, logger: quiet)
        defer { connection.close() }
        let handler = SagaFactHandler(orchestrator)
        for id in ["o1", "o2", "o 3 ü"] { try handler.apply([created(id)], on: connection) }
        try handler.apply(
            [heard(.stockRejected(reason: "sold \"out\"", sku: nil), of: "o2"), created("o1", tenant: "acme")],
            on: connection)
        for key in troubled {
            _ = try connection.execute(
                "UPDATE saga_instances SET attention = 'refund refused' WHERE tenant = $1 AND id = $2",
                [.text(key.tenant), .text(key.id)])
        }
        let pool = ConnectionPool(database, size: 2, name: "sagas", logger: quiet)
        let router = Router([SagaRoutes(orchestrator, database: pool, logger: quiet).routes])
        try await serving(router, with: [], body)
    }

    private func get(_ port: UInt16, _ path: String, tenant: String = "default") throws -> WireClient.Answer {
        let client = try WireClient(port: port)
        try client.get(path, ["X-Tenant-Id": tenant])
        return try client.answer()
    }

    @Test(.servers) func anOrdersStandIsShownWithItsHistory() async throws {
        try await withSagas { port in
            let answer = try get(port, "/sagas/o2")
            #expect(answer.status == 200)
            let document = try JSONValue(parsing: answer.body)
            #expect(document["orderId"] == "o2" && document["status"] == "compensating")
            #expect(document["reason"] == "stock: sold \"out\"")
            #expect(document["steps"]?[0]?["step"] == "stock" && document["steps"]?[0]?["progress"] == "failed")
            #expect(document["abort"]?["progress"] == "requested")
            #expect(document["log"]?[0]?["event"] == "started" && document["log"]?[0]?["cause"] == "OrderCreated")
            #expect(try get(port, "/sagas/o9").status == 404)
            #expect(try get(port, "/sagas/o2", tenant: "acme").status == 404)
            #expect(try get(port, "/sagas/o%203%20%C3%BC").status == 200)
        }
    }

    @Test(.servers) func listsAreNarrowedAndPaged() async throws {
        try await withSagas { port in
            let all = try JSONValue(parsing: try get(port, "/sagas?limit=2").body)
            #expect(all["sagas"]?[0]?["orderId"] == "o 3 ü" && all["sagas"]?[1]?["orderId"] == "o2")
            let cursor = URLPath.segment(try #require(all["nextCursor"]?.string, "no cursor in \(all)"))
            let rest = try JSONValue(parsing: try get(port, "/sagas?limit=2&cursor=\(cursor)").body)
            #expect(rest["sagas"]?[0]?["orderId"] == "o1" && rest["nextCursor"] == nil)
            let undone = try JSONValue(parsing: try get(port, "/sagas?status=compensating").body)
            #expect(undone["sagas"]?[0]?["orderId"] == "o2" && undone["sagas"]?[1] == nil)
            let help = try JSONValue(parsing: try get(port, "/sagas?attention=true").body)
            #expect(help["sagas"]?[0] == nil)
            for query in ["status=dreaming", "attention=maybe", "limit=0", "limit=201", "cursor=x"] {
                #expect(try get(port, "/sagas?" + query).status == 400, "\(query)")
                #expect(try get(port, "/sagas?id=o-1&" + query).status == 400, "\(query) beside an id")
            }
        }
    }

    @Test(.servers) func whoNeedsAPersonIsOfTheTenantThatAsks() async throws {
        let troubled = [SagaKey(tenant: "default", id: "o2"), SagaKey(tenant: "acme", id: "o1")]
        try await withSagas(troubled: troubled) { port in
            for (tenant, order) in [("default", "o2"), ("acme", "o1")] {
                let list = try JSONValue(parsing: try get(port, "/sagas?attention=true", tenant: tenant).body)
                #expect(list["sagas"]?[0]?["orderId"] == .string(order) && list["sagas"]?[1] == nil, "\(list)")
                #expect(list["sagas"]?[0]?["attention"] == "refund refused")
            }
            #expect(try JSONValue(parsing: get(port, "/sagas?attention=true", tenant: "bolt").body)["sagas"]?[0] == nil)
            // The others.
            let rest = try JSONValue(parsing: try get(port, "/sagas?attention=false").body)
            #expect(rest["sagas"]?[1]?["orderId"] == "o1" && rest["sagas"]?[2] == nil, "\(rest)")
        }
    }

    @Test(.servers) func theAPIAsksTheSagaRole() async throws {
        try await withSagas { port in
            let orders = ConnectionPool(try freshDatabase(ServiceDatabase.orders.migrations), size: 1, logger: quiet)
            let lookup = SagaLookup(url: "http://127.0.0.1:\(port)/", orders: orders, logger: quiet)
            try await serving(Router([lookup.routes]), with: lookup.parts) { api in
                let answer = try get(api, "/orders/o2/saga")
                #expect(answer.status == 200)
                #expect(try JSONValue(parsing: answer.body)["status"] == "compensating")
                #expect(try get(api, "/orders/o%203%20%C3%BC/saga").status == 200)
                #expect(try get(api, "/orders/o1/saga", tenant: "acme").status == 200)
                #expect(try get(api, "/orders/o9/saga").status == 404)
            }
        }
    }

    /// Nobody listens there: the API says so, and soon without asking.
    @Test func aSagaRoleThatIsAwayIsSaidSo() async throws {
        // Not asked for who may see everybody's orders.
        let orders = ConnectionPool(
            try PostgresConfiguration("postgresql://127.0.0.1:1/none"), size: 1, logger: quiet)
        let lookup = SagaLookup(url: "http://127.0.0.1:1", orders: orders, logger: quiet)
        try await serving(Router([lookup.routes]), with: lookup.parts) { api in
            for _ in 0..<5 {
                let answer = try get(api, "/orders/o1/saga")
                #expect(answer.status == 503)
                #expect(answer.body.contains("Saga unavailable"))
            }
        }
        #expect(lookup.breaker.state == .open)
    }
}
