import Logging
import OrderflowKit
import Postgres

/// Makes the services' databases and brings them to their newest schema and rights. Safe to run again and at the same
/// time from several machines.
///
/// Each database belongs to a role of its own name that nobody logs in as; daemons and requests have roles besides
/// (`DatabaseAccess`). A database whose URL is configured is another's to make, and so are its roles: it is
/// migrated, and its tables' rights are granted.
struct DatabaseProvisioner {
    /// What was done to one database.
    struct Result: Equatable {
        let database: ServiceDatabase
        let created: Bool
        let applied: [Migration]
        /// What keeps PostgreSQL from enforcing what it could, for the operator.
        var notes: [String] = []
    }

    let settings: Settings
    let logger: Logger

    /// - Parameter onResult: called after each database.
    func run(_ databases: [ServiceDatabase], onResult: (Result) -> Void = { _ in }) throws {
        try settings.asAdministrator { try provision(databases, onResult: onResult) }
    }

    private func provision(_ databases: [ServiceDatabase], onResult: (Result) -> Void) throws {
        let derived = databases.filter { settings.serviceDatabaseURL[$0.name] == nil }
        var made: [ServiceDatabase: DatabaseRoles.Outcome] = [:]
        if !derived.isEmpty {
            let connection = try Connection(settings.administratorDatabase(), logger: logger)
            defer { connection.close() }
            made = try DatabaseRoles(settings: settings, logger: logger, connection: connection).make(derived)
        }
        for database in databases {
            onResult(try prepare(database, made[database]))
        }
    }

    private func prepare(_ database: ServiceDatabase, _ made: DatabaseRoles.Outcome?) throws -> Result {
        var configuration = try settings.database(of: database, as: .owner)
        configuration.applicationName = "orderflow migrate"
        let connection = try Connection(configuration, logger: logger)
        defer { connection.close() }
        var logger = logger
        logger[metadataKey: "database"] = "\(database.name)"
        let applied = try Migrator.migrate(connection, database.migrations, logger: logger)
        let owner = try connection.query("SELECT current_user::text").one().get(0, as: String.self)
        let daemon = try settings.database(of: database, as: .daemon).user ?? owner
        let requests = try settings.database(of: database, as: .requests).user ?? owner
        let log = RelayLogProvisioner(settings: settings, logger: logger)
        var logNotes = try log.prepare(database, owner: connection)
        let ownerWorks = daemon == owner || made?.ownerSessions ?? 0 > 0
        try TableRights(
            database, owner: owner, daemon: daemon, requests: requests, isForced: !ownerWorks
        ).apply(on: connection)
        if logNotes.isEmpty { logNotes = try log.makeSlots(of: database, owner: connection) }
        return Result(
            database: database, created: made?.created ?? false, applied: applied,
            notes: notes(database, made, owner: owner, daemon: daemon, requests: requests) + logNotes)
    }

    private func notes(
        _ database: ServiceDatabase, _ made: DatabaseRoles.Outcome?, owner: String, daemon: String, requests: String
    ) -> [String] {
        var notes: [String] = []
        if let made, made.ownerSessions > 0 {
            notes.append(
                "\(made.ownerSessions) sessions of an earlier version are logged in as \(owner), which owns the tables; "
                    + "run `orderflow migrate` again once they are gone, and nobody can any more")
        }
        if daemon == owner {
            notes.append(
                "daemons own their tables and could change them: \(database.name).database.owner_url names no other role "
                    + "than \(database.name).database.url")
        }
        if requests == daemon {
            notes.append(
                "requests are kept to their tenant by the program alone: \(database.name).database.requests_url names no "
                    + "other role than \(database.name).database.url")
        }
        return notes
    }
}
