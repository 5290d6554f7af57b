import Postgres

/// Has the server look again at tables that have outgrown what its planner knows of them.
///
/// To the planner a table is what it was when it was last analyzed, and a prepared statement keeps its plan until then.
/// Every table of a new shop is empty, so lookups by key are planned as walks through the table or through the wrong
/// index, which cost more with every order. The server's own autovacuum comes once a minute (`autovacuum_naptime`);
/// a shop that starts under load can't wait for it.
enum TableStatistics {
    /// Beyond it autovacuum comes often enough, and a look takes long.
    private static let largest = 100_000  // pages
    /// Below it any plan is quick.
    private static let smallest = 8  // pages

    /// Analyzes our tables that have doubled since. Cheap where none has.
    static func refresh(on connection: Connection) throws {
        let outgrown = try connection.query(
            """
            SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = current_schema() AND c.relkind = 'r' AND pg_has_role(c.relowner, 'MEMBER')
                AND c.relpages < \(largest)
                AND pg_relation_size(c.oid) / current_setting('block_size')::bigint
                    > greatest(2 * c.relpages, \(smallest))
            """
        ).map { try $0.get(0, as: String.self) }
        guard !outgrown.isEmpty else { return }
        // A small sample tells a key from what isn't one. Where another daemon is at it already, that will do.
        try connection.script(
            "SET default_statistics_target = 10; ANALYZE (SKIP_LOCKED) " + outgrown.joined(separator: ", "))
    }
}
