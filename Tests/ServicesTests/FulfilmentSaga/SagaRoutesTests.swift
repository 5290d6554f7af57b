import Execution
import HTTPServer
import JSON
import Messaging
import Orders
import Postgres
import Testing
import TestServers

@testable import Services

@Suite struct SagaRoutesTests {
    /// A saga database with some orders in it, and its routes on a port.
    private func withSagas(_ body: (_ url: String) async throws -> Void) async throws {
        let database = try SagaFixture.database(SagaService.migrations)
        let orchestrator = try FulfilmentSaga.orchestrator(topics: Topics(), SagaService.Configuration())
        let connection = try Connection(database, logger: SagaFixture.logger)
        let handler = SagaFactHandler(orchestrator)
        for id in ["o1", "o2", "o 3 ü"] {
            try SagaFixture.apply(handler, [SagaFixture.message(SagaFixture.created(id), of: id)], on: connection)
        }
        try SagaFixture.apply(
            handler,
            [
                SagaFixture.message(.stockRejected(reason: "sold \"out\"", sku: nil), of: "o2"),
                SagaFixture.message(SagaFixture.created("o1"), of: "o1", tenant: "acme"),
            ], on: connection)
        let pool = ConnectionPool(database, size: 2, name: "sagas", logger: SagaFixture.logger)
        let routes = SagaRoutes(orchestrator, database: pool, logger: SagaFixture.logger)
        try await SagaFixture.serve({ routes.add(to: &$0) }, body)
    }

    @Test func anOrdersStandIsShownWithItsHistory() async throws {
        try await withSagas { url in
            let (status, body) = try await SagaFixture.get(url + "/sagas/o2")
            #expect(status == 200)
            let document = try JSONValue(parsing: body)
            #expect(document["orderId"] == "o2" && document["status"] == "compensating")
            #expect(document["reason"] == "stock: sold \"out\"")
            #expect(document["steps"]?[0]?["step"] == "stock" && document["steps"]?[0]?["progress"] == "failed")
            #expect(document["abort"]?["progress"] == "requested")
            #expect(document["log"]?[0]?["event"] == "started" && document["log"]?[0]?["cause"] == "OrderCreated")
            #expect(try await SagaFixture.get(url + "/sagas/o9").status == 404)
            #expect(try await SagaFixture.get(url + "/sagas/o2", tenant: "acme").status == 404)
            #expect(try await SagaFixture.get(url + "/sagas/o%203%20%C3%BC").status == 200)
        }
    }

    @Test func listsAreNarrowedAndPaged() async throws {
        try await withSagas { url in
            let all = try JSONValue(parsing: try await SagaFixture.get(url + "/sagas?limit=2").body)
            #expect(all["sagas"]?[0]?["orderId"] == "o 3 ü" && all["sagas"]?[1]?["orderId"] == "o2")
            guard case .string(let cursor)? = all["nextCursor"] else {
                Issue.record("no cursor in \(all)")
                return
            }
            let encoded = SagaLookup.segment(cursor)
            let rest = try JSONValue(parsing: try await SagaFixture.get(url + "/sagas?limit=2&cursor=\(encoded)").body)
            #expect(rest["sagas"]?[0]?["orderId"] == "o1" && rest["nextCursor"] == nil)
            let undone = try JSONValue(parsing: try await SagaFixture.get(url + "/sagas?status=compensating").body)
            #expect(undone["sagas"]?[0]?["orderId"] == "o2" && undone["sagas"]?[1] == nil)
            let help = try JSONValue(parsing: try await SagaFixture.get(url + "/sagas?attention=true").body)
            #expect(help["sagas"]?[0] == nil)
            for query in ["status=dreaming", "attention=maybe", "limit=0", "cursor=x"] {
                #expect(try await SagaFixture.get(url + "/sagas?" + query).status == 400, "\(query)")
            }
        }
    }

    @Test func theAPIAsksTheSagaRole() async throws {
        try await withSagas { sagas in
            try await withLookup(of: sagas + "/") { api in
                let (status, body) = try await SagaFixture.get(api + "/orders/o2/saga")
                #expect(status == 200)
                #expect(try JSONValue(parsing: body)["status"] == "compensating")
                #expect(try await SagaFixture.get(api + "/orders/o%203%20%C3%BC/saga").status == 200)
                #expect(try await SagaFixture.get(api + "/orders/o1/saga", tenant: "acme").status == 200)
                #expect(try await SagaFixture.get(api + "/orders/o9/saga").status == 404)
            }
        }
    }

    /// Nobody listens there: the API says so, and soon without asking.
    @Test func aSagaRoleThatIsAwayIsSaidSo() async throws {
        try await withLookup(of: "http://127.0.0.1:1") { api in
            for _ in 0..<5 {
                let (status, body) = try await SagaFixture.get(api + "/orders/o1/saga")
                #expect(status == 503)
                #expect(body.contains("Saga unavailable"))
            }
        }
    }

    private func withLookup(of url: String, _ body: (_ api: String) async throws -> Void) async throws {
        let lookup = SagaLookup(url: url, logger: SagaFixture.logger)
        let stop = StopSignal()
        async let threads: Void = DedicatedThread.run("lookup") { try ThreadGroup.run(lookup.parts, until: stop) }
        do {
            try await SagaFixture.serve({ lookup.add(to: &$0) }, body)
        } catch {
            stop.stop()
            try await threads
            throw error
        }
        stop.stop()
        try await threads
    }
}
