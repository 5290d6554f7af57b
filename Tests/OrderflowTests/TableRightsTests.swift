import Execution
import Logging
import Postgres
import TestServers
import Testing

@testable import Messaging
@testable import OrderflowApp
@testable import OrderflowKit

/// What PostgreSQL lets each role do in the services' databases, on a server of its own where all of them are made.
@Suite(.blocking, .servers) struct TableRightsTests {
    private struct Installation {
        let server: PostgresServer
        let settings: Settings

        init() throws {
            server = try PostgresServer.start()
            var settings = Settings(OrderflowApp.services)
            settings.database.url = PostgresServer.url(port: server.port, user: "replaced", password: "of-daemons")
            settings.database.adminURL = server.url()
            self.settings = settings
            try DatabaseProvisioner(settings: settings, logger: quiet).run(OrderflowApp.services.provisionedDatabases) {
                #expect($0.notes.isEmpty, "\($0.notes)")
            }
        }

        func connection(_ database: ServiceDatabase, as access: DatabaseAccess) throws -> Connection {
            try Connection(settings.database(of: database, as: access), logger: quiet)
        }
    }

    private static let installation = Result { try Installation() }
    private static let quiet: Logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    private static let databases = OrderflowApp.services.provisionedDatabases

    /// The tables with a column `tenant`, by the catalogue.
    private func tables(of database: ServiceDatabase, _ installation: Installation) throws -> [String] {
        try installation.server.query(
            """
            SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant'
            WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace ORDER BY 1
            """, database: database.nameOnServer
        ).map { $0[0] }
    }

    @Test func everyTableWithATenantHasForcedPolicies() throws {
        let installation = try Self.installation.get()
        var found: Set<String> = []
        for database in Self.databases {
            let tables = try tables(of: database, installation)
            found.formUnion(tables)
            let secured = try installation.server.query(
                """
                SELECT c.relname FROM pg_class c
                WHERE c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (
                    SELECT FROM pg_policies p WHERE p.tablename = c.relname AND p.cmd = 'ALL'
                      AND p.roles = ARRAY['\(database.role(for: .requests))']::name[]
                      AND p.qual = '(tenant = current_setting(''orderflow.tenant''::text, true))' AND p.with_check = p.qual
                ) AND NOT EXISTS (
                    SELECT FROM pg_policies p WHERE p.tablename = c.relname AND p.qual = 'true'
                      AND p.roles && ARRAY['public', '\(database.role(for: .requests))']::name[])
                ORDER BY 1
                """, database: database.nameOnServer
            ).map { $0[0] }
            #expect(secured == tables, "\(database.name)")
        }
        let known: Set = [
            "events", "snapshots", "order_views", "stock", "payments", "saga_instances", "contacts",
            "invoice_recipients",
        ]
        #expect(found.isSuperset(of: known))
    }

    /// Rows of two tenants in every table that requests may read, and statements that don't ask for either.
    @Test func requestsSeeOneTenantWhateverTheStatementSays() throws {
        let installation = try Self.installation.get()
        var seen: Set<String> = []
        for database in Self.databases where database.requests != .none {
            let requests = try installation.connection(database, as: .requests)
            defer { requests.close() }
            // The audit log is closed to them (`theAuditLogIsOnlyAddedTo`).
            let tables = try tables(of: database, installation).filter { $0 != AuditLog.table }
            for table in tables {
                seen.insert(table)
                try fill(table, of: database, for: ["of-one", "of-two"], installation)
                for tenant in ["of-one", "of-two", "of-nobody"] {
                    let tenants = try requests.acting(for: tenant) { connection in
                        try connection.query("SELECT tenant FROM \(table)").map { try $0.get(0, as: String.self) }
                    }
                    #expect(tenants == (tenant == "of-nobody" ? [] : [tenant]), "\(database.name).\(table)")
                }
            }
            // The server has been told of no tenant, or of an empty one.
            var silent = try installation.settings.database(of: database, as: .requests)
            silent.tenantVariable = nil
            let untold = try Connection(silent, logger: Self.quiet)
            defer { untold.close() }
            for table in tables {
                for _ in 0..<2 {
                    #expect(try untold.query("SELECT FROM \(table)").isEmpty, "\(database.name).\(table)")
                    try untold.script("SET orderflow.tenant = ''")
                }
                try untold.script("RESET orderflow.tenant")
            }
        }
        #expect(seen.isSuperset(of: ["events", "order_views", "sales_orders", "stock", "saga_log"]))
    }

    /// By its owner alone a table can be analyzed: a daemon, which owns none, has the planner learn of tables that grow.
    @Test func daemonsKeepThePlannerUpWithTheirTables() throws {
        let installation = try Self.installation.get()
        let database = ServiceDatabase.shipping
        let daemon = try installation.connection(database, as: .daemon)
        defer { daemon.close() }
        // Not by the server itself.
        func isAnalyzed() throws -> Bool {
            try daemon.query("SELECT pg_stat_get_last_analyze_time('outbox'::regclass) IS NOT NULL").one().get(0)
        }
        try TableStatistics.refresh(on: daemon)
        #expect(try !isAnalyzed(), "it is empty")
        try daemon.execute(
            """
            INSERT INTO outbox (topic, key, type, schema_version, data, metadata)
            SELECT 't', 'k' || n, 'Happened', 1, '{}', '{}' FROM generate_series(1, 2000) n
            """)
        try TableStatistics.refresh(on: daemon)
        #expect(try isAnalyzed())
        try daemon.execute("DELETE FROM outbox")
        let requests = try installation.connection(.orders, as: .requests)
        defer { requests.close() }
        #expect(throws: PostgresError.self) {
            try requests.acting(for: "t") { try $0.query("SELECT orderflow_refresh_statistics()") }
        }
    }

    /// A row in which nothing is null that mustn't be, for each tenant.
    private func fill(
        _ table: String, of database: ServiceDatabase, for tenants: [String], _ installation: Installation
    ) throws {
        let columns = try installation.server.query(
            """
            SELECT column_name, data_type, coalesce((
                SELECT substring(pg_get_constraintdef(k.oid) FROM '''([a-z_]+)''::text') FROM pg_constraint k
                WHERE k.conrelid = '\(table)'::regclass AND k.contype = 'c'
                  AND pg_get_constraintdef(k.oid) LIKE '%(' || column_name || ' = ANY%'), '')
            FROM information_schema.columns
            WHERE table_name = '\(table)' AND table_schema = 'public' AND is_nullable = 'NO' AND column_default IS NULL
              AND is_identity = 'NO' AND is_generated = 'NEVER' ORDER BY ordinal_position
            """, database: database.nameOnServer)
        for tenant in tenants {
            let values = columns.map { column -> String in
                if column[0] == "tenant" { return "'\(tenant)'" }
                if !column[2].isEmpty { return "'\(column[2])'" }
                switch column[1] {
                case "text": return "'x'"
                case "json", "jsonb": return "'{}'"
                case "boolean": return "false"
                case "bytea": return "'\\x00'"
                case "ARRAY": return "'{x}'"
                case "date", "timestamp with time zone": return "'2026-11-28'"
                default: return "1"
                }
            }
            let extra = ["events", "scheduled_messages"].contains(table) ? ", data" : ""
            try installation.server.execute(
                """
                INSERT INTO \(table) (\(columns.map { $0[0] }.joined(separator: ", "))\(extra))
                VALUES (\(values.joined(separator: ", "))\(extra.isEmpty ? "" : ", '{}'"))
                """, database: database.nameOnServer)
        }
    }

    @Test func requestsChangeNothingOfOthersAndNoTable() throws {
        let installation = try Self.installation.get()
        let orders = try installation.connection(.orders, as: .requests)
        let inventory = try installation.connection(.inventory, as: .requests)
        let views = try installation.connection(.views, as: .requests)
        defer { [orders, inventory, views].forEach { $0.close() } }
        try installation.server.execute(
            "INSERT INTO stock (tenant, sku, on_hand) VALUES ('theirs', 's', 5)", database: "orderflow_inventory")
        try inventory.acting(for: "mine") { stock in
            #expect(try stock.execute("UPDATE stock SET on_hand = 0") == 0)
            #expect(try stock.execute("DELETE FROM stock") == 0)
            try refused(stock, "INSERT INTO stock (tenant, sku, on_hand) VALUES ('theirs', 't', 1)")
            try stock.execute("INSERT INTO stock (tenant, sku, on_hand) VALUES ('mine', 's', 1)")
            try refused(stock, "UPDATE stock SET tenant = 'theirs'")
            try refused(stock, "SELECT FROM dead_letters")
            try refused(
                stock, "INSERT INTO reservations (tenant, order_id, status, version) VALUES ('mine', 'o', 'x', 1)")
        }
        let left = try installation.server.query(
            "SELECT tenant, on_hand FROM stock WHERE sku = 's' ORDER BY 1", database: "orderflow_inventory")
        #expect(left == [["mine", "1"], ["theirs", "5"]])
        for connection in [orders, inventory, views] {
            try connection.acting(for: "mine") { connection in
                for statement in [
                    "TRUNCATE schema_migrations", "CREATE TABLE mine (a int)", "CREATE TEMP TABLE mine (a int)",
                    "CREATE SCHEMA mine", "DROP TABLE inbox", "UPDATE outbox SET key = ''", "SELECT FROM outbox",
                    "ALTER TABLE dead_letters DISABLE ROW LEVEL SECURITY", "DELETE FROM schema_migrations",
                ] { try refused(connection, statement) }
            }
        }
        try orders.acting(for: "mine") { connection in
            try refused(connection, "UPDATE events SET data = '{}'")
            try refused(connection, "DELETE FROM events")
            try refused(connection, "SET ROLE orderflow_orders")
            try refused(connection, "SET ROLE orderflow_orders_daemon")
            try refused(connection, "DROP POLICY orderflow_tenant ON events")
        }
        try views.acting(for: "mine") { connection in
            try refused(connection, "DELETE FROM order_views")
            try refused(connection, "INSERT INTO sales_orders (tenant, order_id, status) VALUES ('mine', 'o', 0)")
        }
    }

    @Test func daemonsOnlyAddToEventsAndChangeNoTable() throws {
        let installation = try Self.installation.get()
        for database in Self.databases {
            let daemon = try installation.connection(database, as: .daemon)
            defer { daemon.close() }
            for statement in [
                "CREATE TABLE mine (a int)", "CREATE SCHEMA mine", "DROP TABLE audit", "TRUNCATE audit",
                "ALTER TABLE audit ADD COLUMN mine int", "UPDATE schema_migrations SET name = ''",
                "SET ROLE \(database.nameOnServer)", "CREATE ROLE mine",
            ] { try refused(daemon, statement) }
        }
        let access = try installation.connection(.access, as: .daemon)
        defer { access.close() }
        try refused(access, "INSERT INTO api_keys (name, scopes, hash, created_by) VALUES ('a', '{}', '', 'a')")
        let orders = try installation.connection(.orders, as: .daemon)
        defer { orders.close() }
        #expect(try orders.execute("DELETE FROM inbox") == 0)
        for statement in ["UPDATE events SET data = '{}'", "DELETE FROM events", "TRUNCATE events"] {
            try refused(orders, statement)
        }
        try orders.execute(
            """
            INSERT INTO events (tenant, stream_id, version, category, type, schema_version, data, metadata)
            VALUES ('daemon', 's', 1, 'c', 't', 1, '{}', '{}')
            """)
        #expect(try orders.query("SELECT FROM events WHERE tenant = 'daemon'").count == 1)
        let views = try installation.connection(.views, as: .daemon)
        defer { views.close() }
        // Row by row costs three times as much.
        #expect(try !views.query("SELECT row_security_active('order_views')").one().get(0, as: Bool.self))
    }

    /// By those who answer requests for their own tenant, and by daemons; neither chooses a place or touches the chain.
    @Test func theAuditLogIsOnlyAddedTo() throws {
        let installation = try Self.installation.get()
        func entry(_ tenant: String?) -> AuditEntry {
            AuditEntry(by: AuditActor("mo", kind: .key, origin: ""), .stockSet, on: "a", tenant: tenant)
        }
        for database in Self.databases {
            let owner = try installation.connection(database, as: .owner)
            let daemon = try installation.connection(database, as: .daemon)
            defer { [owner, daemon].forEach { $0.close() } }
            let before = try AuditChain.head(on: owner).position
            try AuditLog.append(entry(nil), on: daemon)
            let changes = [
                "UPDATE audit SET actor = ''", "DELETE FROM audit", "TRUNCATE audit",
                "UPDATE audit_head SET position = 0", "DELETE FROM audit_head",
                "INSERT INTO audit_head (only_one, position, hash) VALUES (false, 0, '')",
                "ALTER TABLE audit DISABLE TRIGGER ALL", "DROP TRIGGER audit_chain ON audit",
            ]
            for statement in changes { try refused(daemon, statement) }
            let writes = [ServiceDatabase.orders, .inventory, .webhooks].contains(database)
            if database.requests != .none {
                let requests = try installation.connection(database, as: .requests)
                defer { requests.close() }
                try requests.acting(for: "mine") { connection in
                    if writes { try AuditLog.append(entry("mine"), on: connection) }
                    for entry in [entry(nil), entry("theirs")] + (writes ? [] : [entry("mine")]) {
                        #expect(sqlState { try AuditLog.append(entry, on: connection) } == .insufficientPrivilege)
                    }
                    for statement in changes + ["SELECT FROM audit", "SELECT FROM audit_head"] {
                        try refused(connection, statement)
                    }
                }
            }
            #expect(try AuditChain.head(on: owner).position == before + (writes ? 2 : 1), "\(database.name)")
            #expect(try AuditChain.flaws(on: owner).isEmpty && AuditChain.flaws(on: daemon).isEmpty)
        }
    }

    @Test func nobodyElseMayConnect() throws {
        let installation = try Self.installation.get()
        let foreign = try installation.settings.database(of: .payment).with(
            user: ServiceDatabase.orders.role(for: .daemon))
        #expect(sqlState { try Connection(foreign, logger: Self.quiet) } == .insufficientPrivilege)
        let owner = try installation.settings.database(of: .orders).with(user: ServiceDatabase.orders.role(for: .owner))
        #expect(throws: PostgresError.self) { try Connection(owner, logger: Self.quiet) }
        let open = try installation.server.query(
            "SELECT datname FROM pg_database WHERE datname LIKE 'orderflow%' AND has_database_privilege('public', oid, 'CONNECT')"
        )
        #expect(open.isEmpty)
    }

    private func refused(_ connection: Connection, _ statement: String) throws {
        let state = sqlState { try connection.execute(statement) }
        #expect(state == .insufficientPrivilege, "\(statement): \(String(describing: state))")
    }

    private func sqlState<R>(_ body: () throws -> R) -> SQLState? {
        do {
            _ = try body()
            return nil
        } catch {
            return (error as? PostgresError)?.sqlState
        }
    }
}
