import Logging
import OrderflowKit
import Postgres

/// The databases and roles on the server, by the administrator's connection.
struct DatabaseRoles {
    struct Outcome {
        var created = false
        /// Sessions that are logged in as the owner: daemons of a version whose daemons were the owners.
        var ownerSessions = 0
    }

    let settings: Settings
    let logger: Logger
    let connection: Connection

    func make(_ databases: [ServiceDatabase]) throws -> [ServiceDatabase: Outcome] {
        let isSuperuser = try holds("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        return try withLock {
            var outcomes: [ServiceDatabase: Outcome] = [:]
            for database in databases {
                var outcome = Outcome()
                for access in DatabaseAccess.allCases { try makeRole(for: access, of: database, isSuperuser) }
                outcome.created = try makeDatabase(database, isSuperuser)
                try keepOthersOut(of: database)
                for access in [DatabaseAccess.daemon, .requests] { try renewPassword(for: access, of: database) }
                outcome.ownerSessions = try retireLogin(of: database)
                outcomes[database] = outcome
            }
            return outcomes
        }
    }

    // MARK: Roles. Their names are ours and plain, so they need no quotes.

    private func makeRole(for access: DatabaseAccess, of database: ServiceDatabase, _ isSuperuser: Bool) throws {
        let role = database.role(for: access)
        if try !holds("SELECT true FROM pg_roles WHERE rolname = $1", [.text(role)]) {
            try connection.script("CREATE ROLE \(role) \(access == .owner ? "NOLOGIN" : "LOGIN")")
            if access != .owner { try setPassword(of: role) }
        }
        // Policies let daemons see everything anyway, and COPY isn't for those who are subject to any. Only a superuser
        // can give it away; without it daemons insert row by row what they would copy.
        if access == .daemon, isSuperuser,
            try !holds("SELECT rolbypassrls FROM pg_roles WHERE rolname = $1", [.text(role)])
        {
            try connection.script("ALTER ROLE \(role) BYPASSRLS")
        }
        if access == .daemon, isSuperuser {
            let isToReplicate = settings.relaySource == .wal
            let replicates = try holds("SELECT rolreplication FROM pg_roles WHERE rolname = $1", [.text(role)])
            if replicates != isToReplicate {
                try connection.script("ALTER ROLE \(role) \(isToReplicate ? "" : "NO")REPLICATION")
            }
        }
    }

    private func setPassword(of role: String) throws {
        guard let password = try settings.serverDatabase().password else { return }
        let stored = try connection.encryptedPassword(password, for: role)
        let sql = try connection.query(
            "SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)", [.text(role), .text(stored)])
        try connection.script(try sql.one().get(0, as: String.self))
    }

    /// The password may have changed since the role was made, which only a login tells: what is stored has a salt.
    private func renewPassword(for access: DatabaseAccess, of database: ServiceDatabase) throws {
        let configuration = try settings.database(of: database, as: access)
        guard configuration.password != nil else { return }
        do throws(PostgresError) {
            try Connection(configuration, logger: logger).close()
        } catch {
            // Whatever else may keep it from this machine, the daemons may be somewhere else.
            if error.sqlState == .invalidPassword { try setPassword(of: database.role(for: access)) }
        }
    }

    /// An earlier version's daemons logged in as the owner. Once none is left, nobody does: its login and password go.
    private func retireLogin(of database: ServiceDatabase) throws -> Int {
        let owner = database.role(for: .owner)
        guard try holds("SELECT rolcanlogin FROM pg_roles WHERE rolname = $1", [.text(owner)]) else { return 0 }
        let sessions = try connection.query(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = $1", [.text(owner)]
        ).one().get(0, as: Int64.self)
        if sessions == 0 { try connection.script("ALTER ROLE \(owner) NOLOGIN PASSWORD NULL") }
        return Int(sessions)
    }

    // MARK: Databases

    private func makeDatabase(_ database: ServiceDatabase, _ isSuperuser: Bool) throws -> Bool {
        let name = database.nameOnServer
        let owner = database.role(for: .owner)
        // Who is no superuser makes databases for roles, and takes on roles, of which he is a member.
        if !isSuperuser, try !holds("SELECT pg_has_role($1, 'MEMBER')", [.text(owner)]) {
            try connection.script("GRANT \(owner) TO CURRENT_USER")
        }
        if try holds("SELECT true FROM pg_database WHERE datname = $1", [.text(name)]) { return false }
        // template0: nobody can be connected to it, which would make the copy fail. C: ids compare by bytes, which is
        // fast and the same on every machine.
        try connection.script("CREATE DATABASE \(name) OWNER \(owner) TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
        return true
    }

    /// Temporary tables are for daemons' rights alone because `status --verify` fills one.
    private func keepOthersOut(of database: ServiceDatabase) throws {
        let name = database.nameOnServer
        try connection.script(
            """
            REVOKE ALL ON DATABASE \(name) FROM PUBLIC;
            GRANT CONNECT, CREATE, TEMPORARY ON DATABASE \(name) TO \(database.role(for: .owner));
            GRANT CONNECT, TEMPORARY ON DATABASE \(name) TO \(database.role(for: .daemon));
            GRANT CONNECT ON DATABASE \(name) TO \(database.role(for: .requests));
            """)
    }

    // MARK: The administrator's connection

    /// Whether the statement's only row says so; false without one.
    private func holds(_ sql: String, _ parameters: [Parameter] = []) throws -> Bool {
        try connection.query(sql, parameters).first?.get(0, as: Bool.self) ?? false
    }

    /// One at a time over all machines. A transaction lock would do, but CREATE DATABASE can't be in a transaction.
    private func withLock<R>(_ body: () throws -> R) throws -> R {
        let key = Connection.advisoryKey("orderflow databases")
        try connection.advisoryLock(key)
        defer { _ = try? connection.advisoryUnlock(key) }
        return try body()
    }
}
