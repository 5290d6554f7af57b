import Fulfilment
import Postgres
import Randomness
import TestServers
import Testing

@testable import Operations
@testable import OrderflowKit

/// What a verification reads of each table at a time.
@Suite(.servers) struct KeyRangeTests {
    /// The rows of a range, stretch by stretch.
    private static func rows(in range: KeyRange, on connection: Connection) throws -> [OrderKey] {
        try range.stretches.flatMap { stretch in
            try connection.query(
                """
                SELECT tenant, id FROM keys WHERE $1 = 'own' AND \(stretch.condition(on: "id", behind: 1))
                ORDER BY tenant, id
                """, [.text("own")] + stretch.bounds
            ).map { try OrderKey($0) }
        }
    }

    /// From the very beginning, within a tenant, over several of them, with and without what lies between.
    @Test func aRangeHasEachOfItsKeysOnce() throws {
        var random = SeededGenerator.fromEnvironment()
        let connection = try Connection(freshDatabase([]), logger: quiet)
        defer { connection.close() }
        let letters = ["", "a", "b", "c", "d"]
        let all = letters.flatMap { tenant in letters.map { OrderKey(tenant: tenant, orderID: $0) } }
        for _ in 0..<200 {
            let keys = all.filter { _ in Bool.random(using: &random) }
            try connection.script("CREATE TEMPORARY TABLE IF NOT EXISTS keys (tenant text, id text); TRUNCATE keys")
            _ = try connection.query(
                "INSERT INTO keys SELECT * FROM unnest($1::text[], $2::text[])",
                [.textArray(keys.map(\.tenant)), .textArray(keys.map(\.orderID))])
            let ends = [0, 1].map { _ in all.randomElement(using: &random) ?? all[0] }.sorted()
            let range = KeyRange(after: ends[0], through: ends[1])
            let found = try Self.rows(in: range, on: connection)
            #expect(found == keys.filter { ends[0] < $0 && $0 <= ends[1] }, "\(ends)")
            let rest = try Self.rows(in: KeyRange(after: ends[0]), on: connection)
            #expect(rest == keys.filter { ends[0] < $0 }, "\(ends[0])")
        }
    }

    /// There are other indexes that begin with saga and tenant: by them all of a tenant's rows would be read for each
    /// thousand, and a million orders for hours.
    @Test(arguments: ["force_generic_plan", "force_custom_plan"])
    func aRangeIsReadByTheIndexThatHasItInOnePiece(_ mode: String) throws {
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
        let range = KeyRange(
            after: OrderKey(tenant: "default", orderID: "00010000"),
            through: OrderKey(tenant: "default", orderID: "00011000"))
        let stretch = try #require(range.stretches.first)
        try connection.script(
            """
            PREPARE of_range (text, text, text, text) AS
            SELECT updated_at FROM saga_instances WHERE saga = $1 AND \(stretch.condition(on: "id", behind: 1))
            """)
        let plan = try connection.query(
            """
            EXPLAIN (ANALYZE, COSTS off, TIMING off)
            EXECUTE of_range ('fulfilment', 'default', '00010000', '00011000')
            """
        ).map { try $0.get(0, as: String.self) }.joined(separator: "\n")
        #expect(plan.contains("saga_instances_pkey") && plan.contains("rows=1000"), "\(plan)")
        #expect(!plan.contains("Filter"), "\(plan)")
    }
}
