import Execution
import HTTPServer
import Messaging
import Outbound
import Postgres
import TestServers
import Testing

@testable import Inventory
@testable import OrderflowKit

/// Levels that are set are kept in the log, with who set them.
@Suite(.blocking, .servers) struct AuditedStockTests {
    @Test func aLevelThatIsSetIsARecordAndARefusedOneIsNone() throws {
        let connection = try Connection(freshDatabase(ServiceDatabase.inventory.migrations), logger: quiet)
        defer { connection.close() }
        _ = try StockStore.set(tenant: "acme", sku: "A", quantity: 5, by: .test, note: "counted", on: connection)
        try connection.script("UPDATE stock SET reserved = 4")
        #expect(throws: StockStore.BelowReserved.self) {
            try StockStore.set(tenant: "acme", sku: "A", quantity: 3, by: .test, on: connection)
        }
        let records = try AuditLog.page(limit: 10, on: connection)
        #expect(records.count == 1)
        let record = try #require(records.first)
        #expect(record.act == "stock.set" && record.object == "A" && record.tenant == "acme")
        #expect(record.reason == "counted" && record.detail == #"{"quantity":5}"#)
        #expect(record.actor == "mo" && record.actorKind == "os" && record.origin == "a machine")
        #expect(try AuditChain.flaws(on: connection).isEmpty)
    }

    /// Lets in whom it is told.
    private struct FixedGate: AccessGate {
        let principal: Principal
        func admit(_ request: borrowing HTTPRequest, to need: RouteNeed) throws(HTTPProblem) -> Principal { principal }
    }

    @Test func overHTTPItIsThePrincipal() async throws {
        let database = try freshDatabase(ServiceDatabase.inventory.migrations)
        let pool = ConnectionPool(database, size: 1, name: "stock", logger: quiet)
        let key = Principal(.key, subject: "key:warehouse", tenant: "acme", rights: Rights([.stockWrite]))
        for (principal, headers) in [(key, []), (Principal.open, [(name: "X-Actor", value: "mo")])] {
            let router = Router(StockRoutes(database: pool).routes, gate: FixedGate(principal: principal))
            try await serving(router, with: []) { port in
                let answer = try HTTPClient().send(
                    HTTPClient.Request(
                        url: "http://127.0.0.1:\(port)/stock", body: Array(#"{"sku":"A","quantity":7}"#.utf8),
                        headers: [(name: "Content-Type", value: "application/json")] + headers))
                #expect(answer.status == 200)
            }
        }
        let connection = try Connection(database, logger: quiet)
        defer { connection.close() }
        let records = try AuditLog.page(limit: 10, on: connection)
        #expect(records.map(\.actor) == ["key:warehouse", "mo"] && records.map(\.actorKind) == ["key", "open"])
        #expect(records.map(\.tenant) == ["acme", "default"] && records.map(\.origin) == ["127.0.0.1", "127.0.0.1"])
    }
}
