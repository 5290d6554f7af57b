import Postgres

/// Has the server look again at tables that have outgrown what its planner knows of them.
///
/// To the planner a table is what it was when it was last analyzed, and a prepared statement keeps its plan until then.
/// Every table of a new shop is empty, so lookups by key are planned as walks through the table or through the wrong
/// index, which cost more with every order. The server's own autovacuum comes once a minute (`autovacuum_naptime`);
/// a shop that starts under load can't wait for it.
///
/// Tables are analyzed by who owns them alone, and daemons own none: a function of the owner's does it for them.
public enum TableStatistics {
    /// Beyond it autovacuum comes often enough, and a look takes long.
    private static let largest = 100_000  // pages
    /// Below it any plan is quick.
    private static let smallest = 8  // pages

    /// What daemons may call besides what they may do with tables.
    public static let function = "orderflow_refresh_statistics()"

    /// Makes the function, in the schema that is current, for the owner of its tables to run.
    ///
    /// - Parameter schema: that schema, quoted as a name.
    public static func definition(schema: String) -> [String] {
        [
            """
            CREATE OR REPLACE FUNCTION \(function) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
            SET search_path = pg_catalog, pg_temp SET default_statistics_target = 10 AS $body$
            DECLARE
                outgrown text;
            BEGIN
                -- A small sample tells a key from what isn't one. Where another daemon is at it already, that will do.
                FOR outgrown IN \(tables(in: "$schema$\(schema)$schema$"))
                    AND pg_has_role(c.relowner, 'MEMBER') LOOP
                    EXECUTE 'ANALYZE (SKIP_LOCKED) ' || outgrown;
                END LOOP;
            END
            $body$
            """,
            "REVOKE ALL ON FUNCTION \(function) FROM PUBLIC",
        ]
    }

    private static func tables(in schema: String) -> String {
        """
        SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.oid = \(schema)::regnamespace AND c.relkind = 'r' AND c.relpages < \(largest)
            AND pg_relation_size(c.oid) / current_setting('block_size')::bigint
                > greatest(2 * c.relpages, \(smallest))
        """
    }

    /// Analyzes the tables that have doubled since. Cheap where none has. A database that was last migrated by a program
    /// without the function leaves it to autovacuum.
    static func refresh(on connection: Connection) throws {
        let outgrown = try connection.query(
            tables(in: "quote_ident(current_schema())") + " AND to_regprocedure('\(function)') IS NOT NULL LIMIT 1")
        if !outgrown.isEmpty { _ = try connection.query("SELECT \(function)") }
    }
}
