import JSON
import Messaging
import Orders
import Postgres
import Randomness
import TestServers
import Testing

@testable import Operations
@testable import OrderflowKit
@testable import Projection

@Suite(.blocking, .servers) struct SalesTests {
    private static let start: Int64 = 1_767_225_600_000_000  // 2026-01-01T00:00:00Z
    private static let day: Int64 = 86_400_000_000

    private static let messages: [InboundMessage] = [
        created(
            "a", at: start, items: [OrderLine(sku: "X", quantity: 2), OrderLine(sku: "Y", quantity: 1)], cents: 1000),
        confirmed("a", cents: 1000),
        created(
            "b", at: start + day, items: [OrderLine(sku: "X", quantity: 1), OrderLine(sku: "X", quantity: 4)],
            cents: 250),
        confirmed("b", cents: 250),
        // Pending, cancelled, cancelled by a foreign producer after it was confirmed, of another customer, not created.
        created("c", at: start + 2 * day), created("d", at: start + 3 * day), cancelled("d"),
        created("e", at: start + 4 * day), confirmed("e"), cancelled("e", version: 3),
        created("f", by: "bob", at: start, items: [OrderLine(sku: "X", quantity: 7)], cents: 1),
        confirmed("f", by: "bob", cents: 1),
        confirmed("g"), created("a", at: start, tenant: "acme"), confirmed("a", tenant: "acme"),
    ]

    private static let tables = ["sales_orders", "customer_totals", "sales_by_article", "sales_by_currency"]

    /// Every row of every table, as text.
    private func content(_ connection: Connection) throws -> [String] {
        try Self.tables.flatMap { table in
            try connection.query("SELECT '\(table)' || t::text AS row FROM \(table) t ORDER BY row")
                .map { try $0.get(0, as: String.self) }
        }
    }

    /// In any order, in any batches, some of them twice: the sums are the same, to the last row.
    @Test func sumsDoNotDependOnTheWayOfEvents() throws {
        var generator = SeededGenerator.fromEnvironment("sumsDoNotDependOnTheWayOfEvents")
        let connection = try Connection(freshDatabase(ServiceDatabase.views.migrations), logger: quiet)
        defer { connection.close() }
        try SalesHandler().apply(Self.messages, on: connection)
        let expected = try content(connection)
        for round in 0..<25 {
            try connection.script("TRUNCATE \(Self.tables.joined(separator: ", "))")
            var rest = (Self.messages + Self.messages.shuffled(using: &generator).prefix(6))
                .shuffled(using: &generator)[...]
            while !rest.isEmpty {
                let batch = rest.prefix(Int.random(in: 1...6, using: &generator))
                rest = rest.dropFirst(batch.count)
                try SalesHandler().apply(Array(batch), on: connection)
            }
            #expect(try content(connection) == expected, "round \(round), seed \(generator.seed)")
        }
    }

    /// The dearest orders that there can be, until no `bigint` holds their sum; and back again.
    @Test func sumsHaveNoBounds() async throws {
        let currency = try #require(Currency(code: "CLF"))
        let most = Money.limit * currency.minorUnits - 1
        try await ReadSide.run { side in
            var generator = SeededGenerator.fromEnvironment("sumsHaveNoBounds")
            let connection = try Connection(side.database, logger: quiet)
            defer { connection.close() }
            let items = [OrderLine(sku: "X", quantity: Int(OrderRequest.Limit.quantity.upperBound))]
            let messages = (0..<1_000).flatMap { order in
                [
                    created("\(order)", at: Self.start, items: items, cents: most, currency: currency),
                    confirmed("\(order)", cents: 1),
                ]
            }
            var rest = messages.shuffled(using: &generator)[...]
            while !rest.isEmpty {
                let batch = rest.prefix(Int.random(in: 1...1_500, using: &generator))
                rest = rest.dropFirst(batch.count)
                try SalesHandler().apply(Array(batch), on: connection)
                try InvoicingHandler().apply(Array(batch), on: connection)
            }
            #expect(try SalesBalance.check(on: connection) == [])
            for path in [
                "/sales?from=2026-01-01&to=2026-01-01", "/customers/alice", "/invoices?user_id=alice&month=1&year=2026",
            ] {
                let answer = try side.get(path)
                #expect(answer.status == 200)
                #expect(
                    answer.body.contains(#""total":999999999999999.9000,"currency":"CLF""#), "\(path)")
            }
            try SalesHandler().apply((0..<1_000).map { cancelled("\($0)") }, on: connection)
            #expect(try SalesBalance.check(on: connection) == [])
            #expect(try connection.number("SELECT spend::bigint FROM customer_totals") == 0)
            #expect(try connection.number("SELECT count(*) FROM sales_by_currency") == 0)
        }
    }

    @Test func aBrokenSumIsFound() throws {
        let connection = try Connection(freshDatabase(ServiceDatabase.views.migrations), logger: quiet)
        defer { connection.close() }
        try SalesHandler().apply(Self.messages, on: connection)
        #expect(try SalesBalance.check(on: connection) == [])
        for change in [
            "UPDATE sales_by_currency SET amount = -2 WHERE day = '2026-01-02'",
            "DELETE FROM sales_by_article WHERE sku = 'Y'", "UPDATE customer_totals SET spend = spend + 1",
            "INSERT INTO sales_by_currency VALUES ('default', '2026-02-01', 'EUR', 1, 1)",
        ] {
            try connection.script("BEGIN; \(change)")
            #expect(try !SalesBalance.check(on: connection).isEmpty, "\(change)")
            try connection.script("ROLLBACK")
        }
    }

    /// First all articles, then all revenues, in pages of about a megabyte.
    @Test func longAnswersComeByPages() async throws {
        try await ReadSide.run { side in
            let connection = try Connection(side.database, logger: quiet)
            defer { connection.close() }
            try connection.script(
                """
                INSERT INTO sales_by_article (tenant, day, sku, orders, amount)
                SELECT 'default', date '2026-01-01' + n % 300, 'article-' || n || repeat('x', 60), 1, 2
                FROM generate_series(1, 11000) n;
                INSERT INTO sales_by_currency (tenant, day, currency, orders, amount)
                SELECT 'default', date '2026-01-01' + n, 'USD', 1, 2 FROM generate_series(0, 299) n;
                """)
            var articles: [String] = []
            var revenues: [String] = []
            var cursor: String?
            var pages = 0
            repeat {
                let answer = try side.get(
                    "/sales?from=2026-01-01&to=2026-12-31" + (cursor.map { "&cursor=\($0)" } ?? ""))
                #expect(answer.status == 200 && answer.body.utf8.count < PageSize.bytes + 64 << 10)
                let json = try JSONValue(parsing: answer.body)
                articles += json["articles"]?.array?.compactMap { $0["sku"]?.string } ?? []
                revenues += json["revenue"]?.array?.compactMap { $0["day"]?.string } ?? []
                cursor = json["nextCursor"]?.string
                pages += 1
            } while cursor != nil && pages < 10
            #expect(pages > 1)
            #expect(articles.count == 11_000 && Set(articles).count == 11_000)
            #expect(revenues.count == 300 && revenues == revenues.sorted())
            #expect(try side.get("/sales?from=2026-01-01&to=2026-12-31&cursor=00").status == 400)
        }
    }

    @Test func sumsAreServed() async throws {
        try await ReadSide.run { side in
            let connection = try Connection(side.database, logger: quiet)
            defer { connection.close() }
            try SalesHandler().apply(Self.messages, on: connection)
            let alice = try side.get("/customers/alice")
            #expect(alice.status == 200)
            #expect(
                try JSONValue(parsing: alice.body)
                    == JSONValue(
                        parsing: """
                            {"userId":"alice","orders":5,"confirmed":2,"cancelled":2,
                             "firstOrderAt":"2026-01-01T00:00:00.000000Z","lastOrderAt":"2026-01-05T00:00:00.000000Z",
                             "spend":[{"total":12.50,"currency":"USD"}]}
                            """))
            #expect(try side.get("/customers/nobody").status == 404)

            let all = try side.get("/sales?from=2026-01-01&to=2026-01-31")
            #expect(
                try JSONValue(parsing: all.body)
                    == JSONValue(
                        parsing: """
                            {"from":"2026-01-01","to":"2026-01-31",
                             "articles":[{"day":"2026-01-01","sku":"X","orders":2,"qty":9},
                                         {"day":"2026-01-01","sku":"Y","orders":1,"qty":1},
                                         {"day":"2026-01-02","sku":"X","orders":1,"qty":5}],
                             "revenue":[{"day":"2026-01-01","orders":2,"total":10.01,"currency":"USD"},
                                        {"day":"2026-01-02","orders":1,"total":2.50,"currency":"USD"}]}
                            """))
            let one = try JSONValue(parsing: try side.get("/sales?from=2026-01-02&to=2026-01-02&sku=X").body)
            #expect(one["articles"]?.array?.count == 1 && one["revenue"] == nil)
            for query in [
                "from=2026-01-01", "from=2026-01-02&to=2026-01-01", "from=2026-13-01&to=2026-12-01",
                "from=2024-01-01&to=2026-01-01", "from=x&to=y", "from=0000-01-01&to=0000-01-02",
            ] {
                #expect(try side.get("/sales?\(query)").status == 400, "\(query)")
            }
        }
    }
}
