import Logging
import OrderflowKit
import Postgres

/// Makes the services' databases and brings them to their newest schema. Safe to run again and at the same time from
/// several machines.
///
/// Each database belongs to a role of its own name; nobody else may connect. A database whose URL is configured is
/// another's to make: it is only migrated.
struct DatabaseProvisioner {
    /// What was done to one database.
    struct Result: Equatable {
        let database: ServiceDatabase
        let created: Bool
        let applied: [Migration]
    }

    let settings: Settings
    let logger: Logger

    /// - Parameter onResult: called after each database.
    func run(_ databases: [ServiceDatabase], onResult: (Result) -> Void = { _ in }) throws {
        let administrator = try settings.administratorDatabase()
        let derived = databases.filter { settings.serviceDatabaseURL[$0.name] == nil }
        var created: Set<ServiceDatabase> = []
        if !derived.isEmpty {
            let connection = try Connection(administrator, logger: logger)
            defer { connection.close() }
            created = try create(derived, administrator.password, on: connection)
        }
        for database in databases {
            let applied = try migrate(database, administrator)
            onResult(Result(database: database, created: created.contains(database), applied: applied))
        }
    }

    // MARK: Databases and roles

    private func create(
        _ databases: [ServiceDatabase], _ password: String?, on connection: Connection
    ) throws -> Set<ServiceDatabase> {
        try withLock(connection) {
            var created: Set<ServiceDatabase> = []
            for database in databases {
                let name = database.nameOnServer
                if try !exists("SELECT 1 FROM pg_roles WHERE rolname = $1", name, connection) {
                    try connection.script("CREATE ROLE \(name) LOGIN")
                    try setPassword(password, of: name, on: connection)
                }
                if try !exists("SELECT 1 FROM pg_database WHERE datname = $1", name, connection) {
                    try makeOwnable(name, on: connection)
                    // template0: nobody can be connected to it, which would make the copy fail. C: ids compare by
                    // bytes, which is fast and the same on every machine.
                    try connection.script(
                        "CREATE DATABASE \(name) OWNER \(name) TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
                    created.insert(database)
                }
                try connection.script(
                    """
                    REVOKE ALL ON DATABASE \(name) FROM PUBLIC;
                    GRANT CONNECT, CREATE, TEMPORARY ON DATABASE \(name) TO \(name);
                    """)
            }
            return created
        }
    }

    private func exists(_ sql: String, _ name: String, _ connection: Connection) throws -> Bool {
        try !connection.query(sql, [.text(name)]).isEmpty
    }

    /// Names are ours and plain, so they need no quotes.
    private func setPassword(_ password: String?, of role: String, on connection: Connection) throws {
        guard let password else { return }
        let stored = try connection.encryptedPassword(password, for: role)
        let sql = try connection.query(
            "SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)", [.text(role), .text(stored)])
        try connection.script(try sql[0].get(0, as: String.self))
    }

    /// Only a superuser can make a database for a role it isn't a member of.
    private func makeOwnable(_ role: String, on connection: Connection) throws {
        let rows = try connection.query("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        guard try !rows[0].get(0, as: Bool.self) else { return }
        try connection.script("GRANT \(role) TO CURRENT_USER")
    }

    /// One at a time over all machines. A transaction lock would do, but CREATE DATABASE can't be in a transaction.
    private func withLock<R>(_ connection: Connection, _ body: () throws -> R) throws -> R {
        let key = Connection.advisoryKey("orderflow databases")
        try connection.advisoryLock(key)
        defer { _ = try? connection.advisoryUnlock(key) }
        return try body()
    }

    // MARK: Schemas

    private func migrate(_ database: ServiceDatabase, _ administrator: PostgresConfiguration) throws -> [Migration] {
        var configuration = try settings.database(of: database)
        configuration.applicationName = "orderflow migrate"
        let connection = try connect(configuration, database, administrator)
        defer { connection.close() }
        var logger = logger
        logger[metadataKey: "database"] = "\(database.name)"
        return try Migrator.migrate(connection, database.migrations, logger: logger)
    }

    /// The administrator's password may have changed since the role was made.
    private func connect(
        _ configuration: PostgresConfiguration, _ database: ServiceDatabase, _ administrator: PostgresConfiguration
    ) throws -> Connection {
        do {
            return try Connection(configuration, logger: logger)
        } catch {
            guard settings.serviceDatabaseURL[database.name] == nil, administrator.password != nil,
                error.sqlState == .invalidPassword
            else { throw error }
        }
        let connection = try Connection(administrator, logger: logger)
        defer { connection.close() }
        try setPassword(administrator.password, of: database.nameOnServer, on: connection)
        return try Connection(configuration, logger: logger)
    }
}
