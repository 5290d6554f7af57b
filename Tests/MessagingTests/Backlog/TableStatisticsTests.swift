import Foundation
import Postgres
import TestServers
import Testing

@testable import Messaging

/// What the planner knows keeps up with a shop that starts under load.
@Suite(.servers) struct TableStatisticsTests {
    private let connection: Connection

    init() throws {
        connection = try Connection(
            PostgresConfiguration(try PostgresServer.shared.get().createDatabase()), logger: quiet)
        // Both indexes lead to a row by its key; with the second one all rows of the tenant are looked at for it.
        try connection.script(
            """
            CREATE TABLE things (tenant text, id text, at timestamptz, PRIMARY KEY (tenant, id));
            CREATE INDEX things_newest ON things (tenant, at, id);
            """)
        for statement in TableStatistics.definition(schema: "public") { try connection.execute(statement) }
    }

    private func add(_ rows: Int) throws {
        _ = try connection.execute(
            "INSERT INTO things SELECT 'default', gen_random_uuid(), now() FROM generate_series(1, $1)",
            [.int8(Int64(rows))])
    }

    /// Rows that the planner thinks there are; -1 when it has never looked.
    private func known() throws -> Double {
        try connection.query("SELECT reltuples::float8 FROM pg_class WHERE relname = 'things'")[0]
            .get(0, as: Double.self)
    }

    @Test func aTableThatHasDoubledIsLookedAtAgain() throws {
        try TableStatistics.refresh(on: connection)
        #expect(try known() == -1, "an empty table can wait")
        try add(2_000)
        try TableStatistics.refresh(on: connection)
        #expect(try known() == 2_000)
        try add(500)
        try TableStatistics.refresh(on: connection)
        #expect(try known() == 2_000, "nothing to gain yet")
        try add(2_500)
        try TableStatistics.refresh(on: connection)
        #expect(try known() == 5_000)
    }

    @Test func aPlanMadeForAnEmptyTableIsMadeAnew() throws {
        try connection.script(
            """
            SET plan_cache_mode = force_generic_plan;
            PREPARE lookup (text[], text[]) AS SELECT * FROM things
                WHERE (tenant, id) IN (SELECT * FROM unnest($1, $2)) ORDER BY tenant, id FOR UPDATE;
            EXECUTE lookup ('{default}', '{x}');
            """)
        try add(20_000)
        try TableStatistics.refresh(on: connection)
        let plan = try connection.query("EXPLAIN EXECUTE lookup ('{default}', '{x}')")
            .map { try $0.get(0, as: String.self) }.joined(separator: "\n")
        #expect(plan.contains("Index Scan using things_pkey"), "\(plan)")
    }
}
