import Execution
import JSON
import Messaging
import Orders
import Postgres
import Randomness
import TestServers
import Testing

@testable import OrderflowKit
@testable import Projection

@Suite(.blocking, .servers) struct InvoicingTests {
    private static let january: Int64 = 1_767_225_600_000_000  // 2026-01-01T00:00:00Z
    private static let february: Int64 = 1_769_904_000_000_000

    private static func said(_ type: String, _ payload: String, version: Int = 1, at: Int64) -> InboundMessage {
        InboundMessage(
            id: "\(type)-\(at)", type: type, schemaVersion: version, payload: Array(payload.utf8), key: "alice",
            tenant: "default", correlationID: "c", traceparent: nil, time: at, streamVersion: nil,
            source: InboundMessage.Source(topic: "user-events", partition: 0, offset: 0))
    }

    private static let messages: [InboundMessage] = [
        said("user.created", #"{"userId":"alice","name":"Al","email":"old@example.com"}"#, at: january),
        said(
            "UserCreated", #"{"userId":"alice","name":"Alice","email":"alice@example.com"}"#, at: january + 1_000_000),
        said("account.created", #"{"userId":"alice","address":"1 Main St, Springfield"}"#, at: january),
        said(
            "AccountCreated",
            #"{"accountId":"a-2","userId":"alice","address":{"street":"2 Side St","city":"Springfield","country":"US"}}"#,
            version: 2, at: january + 2_000_000),
        created("a", at: january), confirmed("a", at: january + 10_000_000),
        created("b", at: january + 5_000_000, items: [OrderLine(sku: "X\"Y", quantity: 3)], cents: 1),
        confirmed("b", at: february + 10_000_000, cents: 1),
        // Pending, cancelled, of the next month, of another user, of another tenant, and never created.
        created("c", at: january + 6_000_000), created("d", at: january + 7_000_000), cancelled("d", at: february),
        created("e", at: february), confirmed("e", at: february + 1), created("f", by: "bob", at: january),
        confirmed("f", by: "bob"), created("a", by: "alice", at: january, cents: 7, tenant: "acme"),
        confirmed("a", tenant: "acme"), confirmed("g"),
    ]

    private func invoice(_ user: String, _ month: InvoiceMonth, on connection: Connection) throws -> JSONValue? {
        let invoice = try InvoiceStore.invoice(
            tenant: "default", userID: user, from: month.from, before: month.before, on: connection)
        return try invoice.map { try JSONValue(parsing: $0.document(month)) }
    }

    /// Events of two topics, in any order, in any batches, some of them twice: the invoice is the same.
    @Test func anInvoiceDoesNotDependOnTheOrderOfEvents() throws {
        var generator = SeededGenerator.fromEnvironment("anInvoiceDoesNotDependOnTheOrderOfEvents")
        let month = try #require(InvoiceMonth(year: 2026, month: 1))
        let expected = try JSONValue(
            parsing: """
                {"userId":"alice","year":2026,"month":1,"name":"Alice","email":"alice@example.com",
                 "shippingAddress":"2 Side St, Springfield, US",
                 "orders":[{"orderId":"a","createdAt":"2026-01-01T00:00:00.000000Z","items":[{"sku":"ABC","qty":2}],
                            "total":49.99,"currency":"USD"},
                           {"orderId":"b","createdAt":"2026-01-01T00:00:05.000000Z","items":[{"sku":"X\\"Y","qty":3}],
                            "total":0.01,"currency":"USD"}],
                 "total":50.00,"currency":"USD","totals":[{"total":50.00,"currency":"USD"}]}
                """)
        let database = try freshDatabase(ServiceDatabase.views.migrations)
        let connection = try Connection(database, logger: quiet)
        defer { connection.close() }
        for round in 0..<25 {
            try connection.script("TRUNCATE invoice_orders, invoice_recipients")
            var rest = (Self.messages + Self.messages.prefix(Int.random(in: 0...6, using: &generator)))
                .shuffled(using: &generator)[...]
            while !rest.isEmpty {
                let batch = rest.prefix(Int.random(in: 1...6, using: &generator))
                rest = rest.dropFirst(batch.count)
                try InvoicingHandler().apply(Array(batch), on: connection)
            }
            let document = try invoice("alice", month, on: connection)
            #expect(document == expected, "round \(round), seed \(generator.seed)")
            let next = try invoice("alice", try #require(InvoiceMonth(year: 2026, month: 2)), on: connection)
            #expect(next?["orders"]?.array?.map { $0["orderId"] } == ["e"])
        }
    }

    @Test func anOrderMayComeBeforeItsUser() throws {
        let month = try #require(InvoiceMonth(year: 2026, month: 1))
        let database = try freshDatabase(ServiceDatabase.views.migrations)
        let connection = try Connection(database, logger: quiet)
        defer { connection.close() }
        #expect(try invoice("alice", month, on: connection) == nil)
        try InvoicingHandler().apply(
            [
                created("a", at: Self.january, email: "once@example.com", shippingAddress: "here"),
                created("y", at: Self.january, cents: 500, currency: try #require(Currency(code: "JPY"))),
                confirmed("a"), confirmed("y"),
            ], on: connection)
        let before = try #require(try invoice("alice", month, on: connection))
        #expect(before["name"] == nil && before["email"] == "once@example.com")
        #expect(before["shippingAddress"] == "here")
        // There is no sum of dollars and yen.
        #expect(before["total"] == nil)
        #expect(
            before["totals"] == [
                ["total": 500, "currency": "JPY"], try JSONValue(parsing: #"{"total":49.99,"currency":"USD"}"#),
            ])

        try InvoicingHandler().apply(Array(Self.messages.prefix(4)), on: connection)
        let after = try #require(try invoice("alice", month, on: connection))
        #expect(after["name"] == "Alice" && after["email"] == "alice@example.com")
        #expect(after["shippingAddress"] == "2 Side St, Springfield, US")
        #expect(after["orders"] == before["orders"])
    }

    /// Pages of any size put together are the whole month, once, and each says the month's totals.
    @Test func pagesAreTheWholeMonth() throws {
        var random = SeededGenerator.fromEnvironment()
        let month = try #require(InvoiceMonth(year: 2026, month: 1))
        let database = try freshDatabase(ServiceDatabase.views.migrations)
        let connection = try Connection(database, logger: quiet)
        defer { connection.close() }
        let orders = (0..<40).map { "order-\($0)" }
        try InvoicingHandler().apply(
            orders.flatMap {
                [created($0, at: Self.january + Int64.random(in: 0...9, using: &random)), confirmed($0)]
            },
            on: connection)
        let whole = try #require(try invoice("alice", month, on: connection))
        #expect(whole["orders"]?.array?.count == 40 && whole["nextCursor"] == nil)
        for _ in 0..<10 {
            var seen: [JSONValue] = []
            var cursor: ListCursor?
            repeat {
                let page = try #require(
                    try InvoiceStore.invoice(
                        tenant: "default", userID: "alice", from: month.from, before: month.before, after: cursor,
                        limit: Int.random(in: 1...15, using: &random), bytes: Int.random(in: 1...5_000, using: &random),
                        on: connection))
                let document = try JSONValue(parsing: page.document(month))
                #expect(document["totals"] == whole["totals"] && document["total"] == whole["total"])
                seen += document["orders"]?.array ?? []
                cursor = page.next
            } while cursor != nil && seen.count <= 40
            #expect(.array(seen) == whole["orders"], "seed \(random.seed)")
        }
    }

    @Test func aFactWithoutItsFieldsIsRejected() throws {
        let database = try freshDatabase(ServiceDatabase.views.migrations)
        let connection = try Connection(database, logger: quiet)
        defer { connection.close() }
        for payload in [#"{}"#, #"{"userId":"alice","name":"A"}"#, #"{"userId":"a\u0000b","name":"A","email":"a@b"}"#] {
            #expect(throws: MessageRejected.self, "\(payload)") {
                try InvoicingHandler().apply([Self.said("UserCreated", payload, at: 0)], on: connection)
            }
        }
    }

    @Test func invoicesAreServed() async throws {
        try await ReadSide.run { side in
            let connection = try Connection(side.database, logger: quiet)
            defer { connection.close() }
            try InvoicingHandler().apply(Self.messages, on: connection)
            let answer = try side.get("/invoices?user_id=alice&month=1&year=2026")
            #expect(answer.status == 200)
            #expect(try JSONValue(parsing: answer.body)["orders"]?.array?.count == 2)
            let empty = try side.get("/invoices?user_id=alice&month=3&year=2026")
            #expect(empty.status == 200)
            #expect(try JSONValue(parsing: empty.body)["orders"] == [])
            let table: [(query: String, status: Int)] = [
                ("user_id=carol&month=1&year=2026", 404), ("month=1&year=2026", 400),
                ("user_id=alice&year=2026", 400), ("user_id=alice&month=13&year=2026", 400),
                ("user_id=alice&month=1&year=2026&limit=0", 400), ("user_id=alice&month=1&year=2026&limit=1001", 400),
                ("user_id=alice&month=1&year=2026&cursor=x", 400), ("user_id=alice&month=1&year=2026&limit=1", 200),
                ("user_id=alice&month=0&year=2026", 400), ("user_id=alice&month=1&year=x", 400),
            ]
            for (query, status) in table { #expect(try side.get("/invoices?\(query)").status == status, "\(query)") }
        }
    }
}
