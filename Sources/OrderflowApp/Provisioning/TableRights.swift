import Messaging
import OrderflowKit
import Postgres

/// Who may do what with the tables of one database: rights by table, and policies by row.
///
/// Daemons read and write rows, and own nothing. Those who answer requests see tables with a column `tenant`, and of
/// these the rows of the tenant that their session names; a session that names none sees nothing. Both follow from the
/// tables that are there, whichever migration or service made them.
struct TableRights {
    private let database: ServiceDatabase
    private let owner: String
    private let daemon: String
    private let requests: String
    private let isForced: Bool

    /// - Parameters:
    ///   - owner: the role that the connection acts as. The three may be the same where a database isn't ours to make.
    ///   - isForced: whether the owner is subject to policies too (`FORCE ROW LEVEL SECURITY`), which leave it all rows;
    ///     COPY isn't for those who are, so not while daemons are the owner.
    init(_ database: ServiceDatabase, owner: String, daemon: String, requests: String, isForced: Bool) {
        self.database = database
        self.owner = owner
        self.daemon = daemon
        self.requests = requests
        self.isForced = isForced
    }

    /// Safe to run again and at the same time.
    func apply(on connection: Connection) throws {
        let key = Connection.advisoryKey("orderflow rights")
        try connection.advisoryLock(key)
        defer { _ = try? connection.advisoryUnlock(key) }
        let names = try connection.query(
            "SELECT quote_ident(current_schema()), quote_ident($1), quote_ident($2), quote_ident($3)",
            [.text(owner), .text(daemon), .text(requests)]
        ).one()
        let quoted = Names(
            schema: try names.get(0), owner: try names.get(1), daemon: try names.get(2), requests: try names.get(3))
        let tables = try tables(on: connection)
        let grants = grants(tables, quoted) + statistics(quoted)
        try connection.transaction { try $0.script(grants.map { $0 + ";" }.joined(separator: "\n")) }
        for table in tables where table.hasTenant { try secure(table, quoted, on: connection) }
    }

    /// As SQL writes them.
    private struct Names {
        let schema: String
        let owner: String
        let daemon: String
        let requests: String
    }

    private struct Table {
        let name: String
        let quoted: String
        let isTable: Bool
        let hasTenant: Bool
        let isEnabled: Bool
        let isForced: Bool
        /// `name:role,role` of each policy.
        let policies: [String]
    }

    /// Tables and views that the owner owns: an extension may have put others into the schema.
    private func tables(on connection: Connection) throws -> [Table] {
        try connection.query(
            """
            SELECT c.relname::text, quote_ident(c.relname), c.relkind IN ('r', 'p'),
                c.relkind IN ('r', 'p') AND EXISTS (
                    SELECT FROM pg_attribute a
                    WHERE a.attrelid = c.oid AND a.attname = 'tenant' AND NOT a.attisdropped),
                c.relrowsecurity, c.relforcerowsecurity,
                ARRAY(
                    SELECT p.polname || ':' || array_to_string(
                        ARRAY(SELECT r.rolname::text FROM pg_roles r WHERE r.oid = ANY(p.polroles) ORDER BY 1), ',')
                    FROM pg_policy p WHERE p.polrelid = c.oid ORDER BY 1)
            FROM pg_class c
            WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
              AND pg_has_role(c.relowner, 'USAGE')
            ORDER BY 1
            """
        ).map { row in
            Table(
                name: try row.get(0), quoted: try row.get(1), isTable: try row.get(2), hasTenant: try row.get(3),
                isEnabled: try row.get(4), isForced: try row.get(5), policies: try row.get(6, as: [String].self))
        }
    }

    // MARK: Rights by table

    private func grants(_ tables: [Table], _ names: Names) -> [String] {
        func grant(_ rights: String, on tables: [Table], to role: String) -> String? {
            tables.isEmpty ? nil : "GRANT \(rights) ON \(tables.map(\.quoted).joined(separator: ", ")) TO \(role)"
        }
        var statements: [String?] = ["REVOKE ALL ON SCHEMA \(names.schema) FROM PUBLIC"]
        let all = tables.map(\.quoted).joined(separator: ", ")
        let roles = [(daemon, names.daemon), (requests, names.requests)].filter { $0.0 != owner }.map(\.1)
        for role in Set(roles).sorted() {
            statements.append("GRANT USAGE ON SCHEMA \(names.schema) TO \(role)")
            if !tables.isEmpty { statements.append("REVOKE ALL ON \(all) FROM \(role)") }
            statements.append("GRANT USAGE ON ALL SEQUENCES IN SCHEMA \(names.schema) TO \(role)")
        }
        if daemon != owner {
            let written = tables.filter {
                $0.isTable && !Self.kept.contains($0.name) && !database.readOnly.contains($0.name)
            }
            statements += [
                grant("SELECT", on: tables, to: names.daemon), grant("INSERT", on: written, to: names.daemon),
                grant("UPDATE, DELETE", on: written.filter(isChangeable), to: names.daemon),
            ]
        }
        if requests != owner, requests != daemon {
            // Who may write, may leave a record of it; the log is read by operators alone.
            let seen = database.requests == .none ? [] : tables.filter { $0.hasTenant && $0.name != AuditLog.table }
            let written = seen.filter { isWritten($0.name) }
            let log = tables.filter { $0.name == AuditLog.table && !written.isEmpty }
            statements += [
                grant("SELECT", on: seen, to: names.requests), grant("INSERT", on: written + log, to: names.requests),
                grant("UPDATE, DELETE", on: written.filter(isChangeable), to: names.requests),
            ]
        }
        return statements.compactMap(\.self)
    }

    /// Daemons have tables analyzed by a function that does nothing else, whose rights are its owner's.
    private func statistics(_ names: Names) -> [String] {
        TableStatistics.definition(schema: names.schema)
            + (daemon == owner ? [] : ["GRANT EXECUTE ON FUNCTION \(TableStatistics.function) TO \(names.daemon)"])
    }

    /// Written by nobody but the owner: the migrations' history, and the head of the audit log, by a trigger of the owner's.
    private static let kept: Set = ["schema_migrations", AuditLog.headTable]

    private func isChangeable(_ table: Table) -> Bool {
        table.name != AuditLog.table && !database.appendOnly.contains(table.name)
    }

    private func isWritten(_ table: String) -> Bool {
        switch database.requests {
        case .none, .reading: false
        case .writing: true
        case .writingOnly(let tables): tables.contains(table)
        }
    }

    // MARK: Policies by row

    private static let everything = "orderflow_everything"
    private static let ownTenant = "orderflow_tenant"

    /// In one transaction: a table with row security and no policy shows nobody anything.
    private func secure(_ table: Table, _ names: Names, on connection: Connection) throws {
        let everybody = Set([owner, daemon]).sorted()
        let isKept = requests != owner && requests != daemon
        let wanted =
            ["\(Self.everything):\(everybody.joined(separator: ","))"]
            + (isKept ? ["\(Self.ownTenant):\(requests)"] : [])
        if table.isEnabled, table.isForced == isForced, table.policies.filter({ $0.hasPrefix("orderflow_") }) == wanted
        {
            return
        }
        let others = Set([names.owner, names.daemon]).sorted().joined(separator: ", ")
        let condition = "tenant::text = current_setting('\(ServiceDatabase.tenantVariable)', true)"
        var statements = [
            "ALTER TABLE \(table.quoted) ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE \(table.quoted) \(isForced ? "" : "NO ")FORCE ROW LEVEL SECURITY",
            "DROP POLICY IF EXISTS \(Self.everything) ON \(table.quoted)",
            "DROP POLICY IF EXISTS \(Self.ownTenant) ON \(table.quoted)",
            "CREATE POLICY \(Self.everything) ON \(table.quoted) TO \(others) USING (true) WITH CHECK (true)",
        ]
        if isKept {
            statements.append(
                "CREATE POLICY \(Self.ownTenant) ON \(table.quoted) TO \(names.requests) "
                    + "USING (\(condition)) WITH CHECK (\(condition))")
        }
        try connection.transaction { try $0.script(statements.map { $0 + ";" }.joined(separator: "\n")) }
    }
}
