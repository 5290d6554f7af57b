import Fulfilment
import Postgres
import Randomness
import TestServers
import Testing

@testable import Operations
@testable import OrderflowKit

/// Reading tables page by page of orders.
@Suite(.servers) struct EvidenceTableTests {
    /// Pages hold each order's rows once and all in one, and none more orders than was asked for.
    @Test func pagesHaveAllRows() throws {
        var random = SeededGenerator.fromEnvironment()
        let connection = try Connection(freshDatabase([]), logger: quiet)
        defer { connection.close() }
        try connection.script(
            """
            CREATE TABLE rows (tenant text, key text, kind text, number int);
            CREATE INDEX ON rows (tenant, key)
            """)
        let table = EvidenceTable(connection, "rows", id: "key", rows: "kind = $1", [.text("order")])
        for _ in 0..<50 {
            var keys: [OrderKey] = []
            for _ in 0..<Int.random(in: 0...12, using: &random) {
                let tenant = ["", "a", "b", "c"].randomElement(using: &random) ?? ""
                keys.append(OrderKey(tenant: tenant, orderID: "\(Int.random(in: 1...5, using: &random))"))
            }
            keys.sort()
            try connection.script("TRUNCATE rows")
            for kind in ["order", "user"] {
                _ = try connection.query(
                    """
                    INSERT INTO rows SELECT t, k, $3, n
                    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS r (t, k, n)
                    """, [.textArray(keys.map(\.tenant)), .textArray(keys.map(\.orderID)), .text(kind)])
            }
            let count = Int.random(in: 1...4, using: &random)
            var found: [OrderKey] = []
            var next: OrderKey? = OrderKey(tenant: "", orderID: "")
            while let key = next {
                next = try table.key(count, after: key)
                let page = try table.rows(in: KeyRange(after: key, through: next), "number").map { try OrderKey($0) }
                #expect(Set(page).count <= count, "\(count) of \(keys)")
                #expect(next == nil || Set(page).count == count, "\(count) of \(keys)")
                found += page
            }
            #expect(found.sorted() == keys, "by \(count)")
        }
    }

    /// A page costs what is in it, however many others the tenant has: there are indexes that begin with saga and tenant, and
    /// go on otherwise.
    @Test(arguments: ["force_generic_plan", "force_custom_plan"])
    func aPageIsReadByTheIndexThatHasItInOnePiece(_ mode: String) throws {
        let connection = try Connection(freshDatabase(ServiceDatabase.saga.migrations), logger: quiet)
        defer { connection.close() }
        try connection.script(
            """
            INSERT INTO saga_instances (saga, tenant, id, created_at, correlation_id, status, version, ended_at, state)
            SELECT 'fulfilment', 'default', lpad(n::text, 8, '0'), now(), 'c', 'completed', 1, now(), '{}'
            FROM generate_series(1, 20000) n;
            ANALYZE saga_instances;
            SET plan_cache_mode = \(mode)
            """)
        func read() throws -> Int64 {
            _ = try connection.query("SELECT pg_stat_force_next_flush()")
            return try connection.number(
                """
                SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'saga_instances')::bigint
                    + (SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'saga_instances')
                """)
        }
        let table = EvidenceTable(
            connection, "saga_instances", id: "id", rows: "saga = $1", [.text("fulfilment")])
        let before = try read()
        let first = OrderKey(tenant: "default", orderID: "00010000")
        let last = try table.key(1_000, after: first)
        #expect(last == OrderKey(tenant: "default", orderID: "00011000"))
        #expect(try table.rows(in: KeyRange(after: first, through: last), "status").count == 1_000)
        let page = try read() - before
        #expect(page >= 2_000 && page < 3_000, "\(page) entries of indexes and rows")
    }

    /// Parameters of the table, of the columns and of the range in one statement.
    @Test func columnsHaveParametersToo() throws {
        let connection = try Connection(freshDatabase([]), logger: quiet)
        defer { connection.close() }
        try connection.script(
            """
            CREATE TABLE rows (tenant text, order_id text, kind text);
            INSERT INTO rows VALUES ('a', '1', 'order'), ('a', '2', 'order'), ('b', '1', 'user'), ('b', '2', 'order')
            """)
        let table = EvidenceTable(connection, "rows", rows: "kind = $1", [.text("order")])
        let rows = try table.rows(
            in: KeyRange(after: OrderKey(tenant: "a", orderID: "1")), "$2::text", with: [.text("said")],
            "ORDER BY tenant, order_id")
        #expect(try rows.map { try $0.get(2, as: String.self) } == ["said", "said"])
        #expect(try rows.map { try OrderKey($0).orderID } == ["2", "2"])
    }
}
