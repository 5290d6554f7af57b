import JSON
import Orders
import Postgres
import Randomness
import TestServers
import Testing

@testable import OrderflowKit
@testable import Query

@Suite(.blocking) struct OrderListTests {
    private static let start: Int64 = 1_767_225_600_000_000  // 2026-01-01T00:00:00Z

    private func ids(_ side: ReadSide, _ query: String) throws -> (ids: [String], next: String?) {
        let answer = try side.get("/orders" + query)
        #expect(answer.status == 200, "\(query): \(answer.body)")
        let json = try JSONValue(parsing: answer.body)
        return (json["orders"]?.array?.compactMap { $0["orderId"]?.string } ?? [], json["nextCursor"]?.string)
    }

    /// Nothing is shown twice or left out, whatever comes in between two pages.
    @Test(.servers) func pagesStayInPlaceUnderInserts() async throws {
        try await ReadSide.run { side in
            // Some of the same microsecond.
            let old = (0..<25).map { "old-\($0)" }
            try side.project(old.enumerated().map { created($1, at: Self.start + Int64($0 / 3)) })
            var seen: [String] = []
            var cursor: String?
            for page in 0..<10 {
                let (ids, next) = try ids(side, "?limit=7" + (cursor.map { "&cursor=\($0)" } ?? ""))
                seen += ids
                guard let next else { break }
                cursor = next
                try side.project([
                    created("new-\(page)", at: Self.start + 1_000_000 + Int64(page)), confirmed("old-\(page)"),
                ])
            }
            #expect(seen.sorted() == old.sorted())
            #expect(try ids(side, "?limit=3").ids == ["new-2", "new-1", "new-0"])
        }
    }

    /// Every cursor that is handed out is taken back: also those of the ends of time, and of rows that an earlier
    /// version has written beyond them.
    @Test(.servers) func ordersOfAnyTimeArePaged() async throws {
        try await ReadSide.run { side in
            let times = [RFC3339.range.upperBound, Self.start, -1, 0, RFC3339.range.lowerBound]
            try side.project(times.enumerated().map { created("o-\($0)", at: $1) })
            let connection = try Connection(side.database, logger: quiet)
            defer { connection.close() }
            try connection.script("UPDATE order_views SET created_at = '58878-01-01Z' WHERE order_id = 'o-0'")
            var seen: [String] = []
            var cursor: String?
            repeat {
                let (ids, next) = try ids(side, "?limit=1" + (cursor.map { "&cursor=\($0)" } ?? ""))
                seen += ids
                cursor = next
            } while cursor != nil && seen.count < 10
            #expect(seen == ["o-0", "o-1", "o-3", "o-2", "o-4"])
        }
    }

    /// What is in the orders doesn't decide how large an answer is, and nothing is left out for that.
    @Test(.servers) func aPageHasABoundInBytes() async throws {
        try await ReadSide.run { side in
            let items = (0..<400).map {
                OrderLine(sku: "article-\($0)-\(String(repeating: "x", count: 40))", quantity: 1)
            }
            let all = (0..<90).map { "order-\($0)" }
            try side.project(all.enumerated().map { created($1, at: Self.start + Int64($0), items: items) })
            var seen: [String] = []
            var pages = 0
            var cursor: String?
            repeat {
                let answer = try side.get("/orders?limit=200" + (cursor.map { "&cursor=\($0)" } ?? ""))
                #expect(answer.status == 200)
                #expect(answer.body.utf8.count < PageSize.bytes + 64 << 10)
                let json = try JSONValue(parsing: answer.body)
                seen += json["orders"]?.array?.compactMap { $0["orderId"]?.string } ?? []
                cursor = json["nextCursor"]?.string
                pages += 1
            } while cursor != nil && pages < 90
            #expect(pages > 1)
            #expect(seen == all.reversed())

            // One that is larger than any page is a page.
            let connection = try Connection(side.database, logger: quiet)
            defer { connection.close() }
            let filter = try OrderViewStore.Filter(within: .everything(of: "default"))
            let (one, next) = try OrderViewStore.page(filter, after: nil, limit: 200, bytes: 1, on: connection)
            #expect(one.count == 1 && next?.id == "order-89")
            let (few, _) = try OrderViewStore.page(filter, after: next, limit: 3, bytes: .max, on: connection)
            #expect(few.count == 3)
            let (last, end) = try OrderViewStore.page(
                filter, after: ListCursor(createdAt: Self.start + 2, id: "order-2"), limit: 2, bytes: .max,
                on: connection)
            #expect(last.count == 2 && end == nil)
        }
    }

    /// Foreign producers name orders as they like.
    @Test func everyCursorThatIsGivenOutIsTakenBack() throws {
        var random = SeededGenerator.fromEnvironment()
        for _ in 0..<2_000 {
            let cursor = ListCursor(
                createdAt: Int64.random(in: ListCursor.times, using: &random), id: OddText.random(&random))
            #expect(ListCursor(encoded: cursor.encoded) == cursor, "\(cursor), seed \(random.seed)")
            #expect(cursor.encoded.utf8.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) })
        }
    }

    @Test(.servers) func listsAreNarrowed() async throws {
        try await ReadSide.run { side in
            try side.project([
                created("a", by: "alice", at: Self.start), created("b", by: "bob", at: Self.start + 1_000_000),
                created("c", by: "alice", at: Self.start + 2_000_000),
                created("d", by: "alice", at: Self.start, tenant: "acme"),
                confirmed("c"), heard(.stockReserved(items: []), of: "ahead"),
            ])
            let table: [(query: String, ids: [String])] = [
                ("", ["c", "b", "a"]), ("?userId=alice", ["c", "a"]), ("?status=confirmed", ["c"]),
                ("?userId=alice&status=pending", ["a"]), ("?from=2026-01-01T00:00:01Z", ["c", "b"]),
                ("?to=2026-01-01T00:00:01Z", ["a"]), ("?userId=nobody", []),
                ("?from=2026-01-01T00:00:01Z&to=2026-01-01T00:00:02Z", ["b"]),
                // Escaped or not, a sign is a sign.
                ("?from=2026-01-01T02:00:01%2B02:00", ["c", "b"]), ("?from=2026-01-01T02:00:01+02:00", ["c", "b"]),
                ("?from=2025-12-31T22:00:01-02:00", ["c", "b"]), ("?to=2026-01-01T05:30:01.0+05:30", ["a"]),
            ]
            for (query, expected) in table { #expect(try ids(side, query).ids == expected, "\(query)") }
            // PostgreSQL has no date for the time in the longer cursor.
            for query in [
                "?status=lost", "?from=now", "?limit=0", "?limit=201", "?limit=-1", "?limit=99999999999999999999",
                "?limit=1.5", "?limit=", "?limit=5&limit=5", "?cursor=x", "?cursor=", "?cursor=00", "?cursor=7800",
                "?cursor=\(CursorText.write(["1y2p0ij32e8e7", "x"]))", "?cursor=\(CursorText.write(["1"]))",
                "?userId=a&userId=b", "?from=2026-01-01T00:00:00 02:00Z", "?from=+02:00", "?from=%20",
            ] {
                #expect(try side.get("/orders" + query).status == 400, "\(query)")
            }
        }
    }
}
