import Postgres

/// The schema in which a read model is built anew: the service's own migrations make its tables, and an exchange makes
/// them the live ones. What it holds is committed piece by piece, and goes on from there after any end.
///
/// Besides the model's tables it keeps `consumer_offsets`, how far it is, and `rebuild_letters`, which dead letters of
/// the live group it has left out.
struct ShadowSchema {
    let model: ReadModel
    /// A plain name that needs no quotes.
    let name: String
    /// The schema of the live tables, quoted.
    let live: String

    private static let own = ["consumer_offsets", "schema_migrations"]
    /// Rows come whole, in large windows: room for their next versions would be wasted. Percent of a page.
    private static let fill = 90
    /// What was just filled is due for a vacuum, and an exchange that finds one at it waits until the server has it make
    /// way, which it does after a second (`deadlock_timeout`). The live table is vacuumed.
    private static let unvacuumed = "autovacuum_enabled = off, toast.autovacuum_enabled = off"
    private static let vacuumed = "autovacuum_enabled, toast.autovacuum_enabled"

    init(_ model: ReadModel, on connection: Connection) throws {
        self.model = model
        name = model.shadow
        let schemas = try connection.query(
            """
            SELECT DISTINCT quote_ident(n.nspname) FROM unnest($1::text[]) AS t (name)
            LEFT JOIN pg_class c ON c.oid = to_regclass(t.name) LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
            """, [.textArray(model.tables)])
        guard schemas.count == 1, let live = try schemas[0].get(0, as: String?.self) else {
            throw RebuildError("the database has no read model \(model.name) yet: run `orderflow migrate` first")
        }
        self.live = live
    }

    /// Session settings of writers to the shadow: with these it can't even name the live tables.
    func enter(_ connection: Connection) throws {
        try connection.script(
            """
            SET search_path = \(name);
            -- Lookups of many keys in a growing table without statistics: by its key, not by reading it all.
            SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
            """)
    }

    // MARK: Making

    /// Makes the tables, or finds those that an interrupted rebuild left. `connection` is in the shadow. Returns
    /// whether there is something to go on from.
    func prepare(on connection: Connection) throws -> Bool {
        try refuseDependents(on: connection)
        if try isReady(on: connection) {
            if try isOfLiveMigrations(on: connection) { return true }
        }
        try Self.drop(model, on: connection)
        try connection.script("CREATE SCHEMA \(name)")
        try Migrator.migrate(connection, model.migrations)
        guard try isOfLiveMigrations(on: connection) else {
            try Self.drop(model, on: connection)
            throw RebuildError("the database has other migrations than this program: run `orderflow migrate` first")
        }
        let others = try connection.query(
            "SELECT format('%I', tablename) FROM pg_tables WHERE schemaname = $1 AND tablename <> ALL($2)",
            [.text(name), .textArray(model.tables + Self.own)]
        ).map { try $0.get(0, as: String.self) }
        let indexes = try secondaryIndexes(on: connection)
        let roomy = try roomyTables(on: connection)
        // All or nothing: `rebuild_letters` says that the rest is done.
        try connection.script(
            """
            BEGIN;
            \(others.isEmpty ? "" : "DROP TABLE \(others.joined(separator: ", "));")
            CREATE TABLE rebuild_indexes AS
                SELECT c.relname AS name, pg_get_indexdef(c.oid) AS definition FROM pg_class c
                WHERE c.oid = ANY('{\(indexes.joined(separator: ","))}'::regclass[]::oid[]);
            \(indexes.isEmpty ? "" : "DROP INDEX \(indexes.joined(separator: ", "));")
            \(roomy.map { "ALTER TABLE \($0) SET (fillfactor = \(Self.fill));" }.joined(separator: "\n"))
            \(model.tables.map { "ALTER TABLE \($0) SET (\(Self.unvacuumed));" }.joined(separator: "\n"))
            CREATE TABLE rebuild_letters (id bigint PRIMARY KEY);
            COMMIT;
            """)
        return false
    }

    /// What would keep the live tables from being dropped should be known before the work, not after it.
    private func refuseDependents(on connection: Connection) throws {
        let views = try connection.query(
            """
            SELECT DISTINCT v.oid::regclass::text FROM unnest($1::text[]) AS t (name)
            JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = to_regclass(t.name)
                AND d.classid = 'pg_rewrite'::regclass
            JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class
            ORDER BY 1
            """, [.textArray(model.tables.map { "\(live).\($0)" })]
        ).map { try $0.get(0, as: String.self) }
        guard views.isEmpty else {
            throw RebuildError(
                "these views stand in the way of an exchange, drop them: \(views.joined(separator: ", "))")
        }
    }

    private func isReady(on connection: Connection) throws -> Bool {
        try connection.query("SELECT to_regclass($1) IS NOT NULL", [.text("\(name).rebuild_letters")])
            .one().get(0, as: Bool.self)
    }

    /// Whether both schemas have the same history. The table is as the migrations make it, or something is in between.
    func isOfLiveMigrations(on connection: Connection) throws -> Bool {
        let histories = try connection.query(
            """
            SELECT array_agg(version || checksum ORDER BY version) FROM \(live).schema_migrations
            UNION SELECT array_agg(version || checksum ORDER BY version) FROM \(name).schema_migrations
            """)
        return histories.count == 1
    }

    /// Indexes that no constraint needs, by their qualified names.
    private func secondaryIndexes(on connection: Connection) throws -> [String] {
        try connection.query(
            """
            SELECT format('%I.%I', $1::text, c.relname) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
            WHERE i.indrelid = ANY(SELECT to_regclass(format('%I.%I', $1::text, t)) FROM unnest($2::text[]) AS t)
              AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
            """, [.text(name), .textArray(model.tables)]
        ).map { try $0.get(0, as: String.self) }
    }

    /// Tables whose pages aren't filled, so that rows can change where they are. From the exchange on that holds again.
    private func roomyTables(on connection: Connection) throws -> [String] {
        try connection.query(
            """
            SELECT format('%I', c.relname) FROM pg_class c
            WHERE c.oid = ANY(SELECT to_regclass(format('%I.%I', $1::text, t)) FROM unnest($2::text[]) AS t)
              AND EXISTS (SELECT FROM unnest(c.reloptions) AS o WHERE o LIKE 'fillfactor=%')
            """, [.text(name), .textArray(model.tables)]
        ).map { try $0.get(0, as: String.self) }
    }

    /// Makes the indexes that were left off while rows came in, and the planner's statistics. CONCURRENTLY not for the
    /// shadow's sake: a plain CREATE INDEX is one transaction, and for as long as one writes, the relays of every
    /// database of the server wait (`Relay`).
    func makeIndexes(on connection: Connection) throws {
        let definitions = try connection.query(
            """
            SELECT r.name, r.definition, i.indisvalid FROM rebuild_indexes r
            LEFT JOIN pg_index i ON i.indexrelid = to_regclass(format('%I', r.name)) ORDER BY r.name
            """)
        for row in definitions {
            let isValid = try row.get(2, as: Bool?.self)
            if isValid == true { continue }
            // One that an interrupted rebuild left half made.
            if isValid == false {
                try connection.script("DROP INDEX \"\(try row.get(0, as: String.self))\"")
            }
            let definition = try row.get(1, as: String.self)
            try connection.script(definition.replacing("INDEX ", with: "INDEX CONCURRENTLY ", maxReplacements: 1))
        }
        for table in model.tables { try connection.script("ANALYZE \(table)") }
    }

    // MARK: Ending

    static func drop(_ model: ReadModel, on connection: Connection) throws {
        try connection.script("DROP SCHEMA IF EXISTS \(model.shadow) CASCADE")
    }

    /// Makes the shadow's tables the live ones, with their owners, rights and policies, in the open transaction of
    /// `connection`. Readers wait from the
    /// lock to the commit, and then reads the new ones: names and statements stay what they were.
    func exchange(on connection: Connection) throws {
        let inheritance = try connection.query(
            """
            SELECT format('ALTER TABLE %s OWNER TO %I', c.oid::regclass, pg_get_userbyid(c.relowner))
            FROM unnest($1::text[]) AS t (name) JOIN pg_class c ON c.oid = to_regclass(t.name)
            JOIN pg_class s ON s.oid = to_regclass($2 || '.' || c.relname) AND s.relowner <> c.relowner
            UNION ALL
            SELECT format('ALTER TABLE %s SET (%s)', c.oid::regclass, array_to_string(c.reloptions, ', '))
            FROM unnest($1::text[]) AS t (name) JOIN pg_class c ON c.oid = to_regclass(t.name)
            WHERE c.reloptions IS NOT NULL
            UNION ALL
            SELECT format('GRANT %s ON %s TO %s%s', a.privilege_type, c.oid::regclass,
                          CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
                          CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
            FROM unnest($1::text[]) AS t (name) JOIN pg_class c ON c.oid = to_regclass(t.name)
            CROSS JOIN aclexplode(c.relacl) a WHERE a.grantee <> c.relowner
            UNION ALL
            SELECT format('ALTER TABLE %s %s ROW LEVEL SECURITY', c.oid::regclass, s.word)
            FROM unnest($1::text[]) AS t (name) JOIN pg_class c ON c.oid = to_regclass(t.name)
            CROSS JOIN LATERAL (VALUES ('ENABLE', c.relrowsecurity), ('FORCE', c.relforcerowsecurity)) AS s (word, is_on)
            WHERE s.is_on
            UNION ALL
            SELECT format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s', p.policyname, c.oid::regclass, p.permissive,
                          p.cmd, array_to_string(ARRAY(
                              SELECT CASE r WHEN 'public' THEN 'PUBLIC' ELSE quote_ident(r) END
                              FROM unnest(p.roles::text[]) AS r), ', '),
                          ' USING (' || p.qual || ')', ' WITH CHECK (' || p.with_check || ')')
            FROM unnest($1::text[]) AS t (name) JOIN pg_class c ON c.oid = to_regclass(t.name)
            JOIN pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_policies p ON p.schemaname = n.nspname AND p.tablename = c.relname
            """, [.textArray(model.tables.map { "\(live).\($0)" }), .text(name)]
        ).map { try $0.get(0, as: String.self) }
        try connection.script(
            """
            DROP TABLE \(model.tables.map { "\(live).\($0)" }.joined(separator: ", "));
            \(model.tables.map { "ALTER TABLE \(name).\($0) RESET (\(Self.vacuumed));" }.joined(separator: "\n"))
            \(model.tables.map { "ALTER TABLE \(name).\($0) SET SCHEMA \(live);" }.joined(separator: "\n"))
            \(inheritance.map { $0 + ";" }.joined(separator: "\n"))
            DROP SCHEMA \(name) CASCADE;
            """)
        if let channel = model.channel { try connection.notify(channel) }
    }
}
