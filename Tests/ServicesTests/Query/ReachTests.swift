import HTTPServer
import JSON
import Orders
import Postgres
import Randomness
import TestServers
import Testing

@testable import Inventory
@testable import OrderflowKit
@testable import Projection

/// What a POST takes in can be asked for, whatever it is made of.
@Suite(.blocking, .servers) struct ReachTests {
    /// Those of `candidates` that `POST /orders` takes for `member`.
    private static func taken(_ candidates: [String], as member: String) -> [String] {
        candidates.filter { text in
            var json = JSONWriter()
            json.object { json in
                json.field("userId", member == "userId" ? text : "u")
                json.key("items")
                json.array { json in
                    json.object {
                        $0.field("sku", member == "sku" ? text : "A")
                        $0.field("qty", 1)
                    }
                }
                json.field("total", 1)
            }
            return json.bytes.withUnsafeBytes { (try? OrderRequest(json: $0)) != nil }
        }
    }

    private static func texts(_ random: inout SeededGenerator) -> [String] {
        Array(Set(OddText.reported + (0..<60).map { _ in OddText.random(&random) })).sorted()
    }

    @Test func everyUserIsFound() async throws {
        try await ReadSide.run { side in
            var random = SeededGenerator.fromEnvironment()
            let users = Self.taken(Self.texts(&random), as: "userId")
            #expect(Set(OddText.reported).subtracting(users).subtracting([" "]).isEmpty, "the door takes them")
            let start: Int64 = 1_767_225_600_000_000
            let messages = users.enumerated().flatMap { number, user in
                [created("o-\(number)", by: user, at: start), confirmed("o-\(number)", by: user)]
            }
            try side.project(messages)
            let connection = try Connection(side.database, logger: quiet)
            defer { connection.close() }
            try SalesHandler().apply(messages, on: connection)
            try InvoicingHandler().apply(messages, on: connection)
            for (number, user) in users.enumerated() {
                let escaped = OddText.escaped(user, &random)
                for path in ["/customers/\(escaped)", "/customers?user_id=\(escaped)"] {
                    let answer = try side.get(path)
                    #expect(answer.status == 200, "\(path), seed \(random.seed)")
                    #expect(
                        try JSONValue(parsing: answer.body)["userId"]?.string.map { Array($0.utf8) }
                            == Array(user.utf8), "\(path)")
                }
                let invoice = try side.get("/invoices?user_id=\(escaped)&year=2026&month=1")
                #expect(invoice.status == 200, "\(user), seed \(random.seed)")
                let orders = try JSONValue(parsing: side.get("/orders?userId=\(escaped)").body)["orders"]?.array
                #expect(orders?.compactMap { $0["orderId"]?.string } == ["o-\(number)"], "\(user), seed \(random.seed)")
            }
        }
    }

    /// A foreign producer's.
    @Test func everyOrderIsFound() async throws {
        try await ReadSide.run { side in
            var random = SeededGenerator.fromEnvironment()
            let orders = Self.texts(&random)
            try side.project(orders.map { created($0) })
            for order in orders {
                let path = "/orders/\(OddText.escaped(order, &random))"
                let answer = try side.get(path)
                #expect(answer.status == 200, "\(path), seed \(random.seed)")
                #expect(
                    try JSONValue(parsing: answer.body)["orderId"]?.string.map { Array($0.utf8) } == Array(order.utf8),
                    "\(path)")
            }
        }
    }

    @Test func everyArticleIsFound() async throws {
        let database = try freshDatabase(ServiceDatabase.inventory.migrations)
        let pool = ConnectionPool(database, size: 2, name: "stock", logger: quiet)
        let router = Router(StockRoutes(database: pool).routes)
        try await serving(router, with: []) { port in
            var random = SeededGenerator.fromEnvironment()
            let client = try WireClient(port: port)
            var set = 0
            for sku in Self.texts(&random) {
                var json = JSONWriter()
                json.object {
                    $0.field("sku", sku)
                    $0.field("quantity", 7)
                }
                try client.send("POST", "/stock", body: String(decoding: json.bytes, as: UTF8.self))
                guard try client.answer().status == 200 else { continue }
                set += 1
                let escaped = OddText.escaped(sku, &random)
                try client.get("/stock/\(escaped)")
                let one = try client.answer()
                #expect(one.status == 200, "\(sku), seed \(random.seed)")
                #expect(try JSONValue(parsing: one.body)["sku"]?.string.map { Array($0.utf8) } == Array(sku.utf8))
                try client.get("/stock?sku=\(escaped)")
                let listed = try JSONValue(parsing: client.answer().body)["stock"]?.array
                #expect(listed?.count == 1 && listed?.first?["onHand"] == 7, "\(sku), seed \(random.seed)")
            }
            #expect(set >= OddText.reported.count - 1)
        }
    }
}
