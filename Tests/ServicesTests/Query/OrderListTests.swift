import JSON
import Postgres
import TestServers
import Testing

@testable import Services

@Suite(.blocking) struct OrderListTests {
    private static let start: Int64 = 1_767_225_600_000_000  // 2026-01-01T00:00:00Z

    private func ids(_ side: ReadSide, _ query: String) throws -> (ids: [String], next: String?) {
        let answer = try side.get("/orders" + query)
        #expect(answer.status == 200, "\(query): \(answer.body)")
        let json = try JSONValue(parsing: answer.body)
        return (json["orders"]?.array?.compactMap { $0["orderId"]?.string } ?? [], json["nextCursor"]?.string)
    }

    /// Nothing is shown twice or left out, whatever comes in between two pages.
    @Test func pagesStayInPlaceUnderInserts() async throws {
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
    @Test func ordersOfAnyTimeArePaged() async throws {
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

    @Test func listsAreNarrowed() async throws {
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
            ]
            for (query, expected) in table { #expect(try ids(side, query).ids == expected, "\(query)") }
            // PostgreSQL has no date for the time in the longer cursor.
            for query in [
                "?status=lost", "?from=now", "?limit=0", "?limit=201", "?cursor=x", "?cursor=1y2p0ij32e8e7-x",
                "?userId=a&userId=b",
            ] {
                #expect(try side.get("/orders" + query).status == 400, "\(query)")
            }
        }
    }
}
