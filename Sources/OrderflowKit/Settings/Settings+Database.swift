import Postgres

extension Settings {
    /// The administrator's connection: only `migrate` and rebuilds use it, and no daemon knows it.
    package func administratorDatabase() throws(PostgresError) -> PostgresConfiguration {
        limited(try PostgresConfiguration(database.adminURL ?? database.url))
    }

    /// The server, for a process without a database of its own.
    package func serverDatabase() throws(PostgresError) -> PostgresConfiguration {
        var configuration = limited(try PostgresConfiguration(database.url))
        if let password = database.password { configuration = configuration.with(password: password) }
        return configuration
    }

    /// How a service's database is reached: by its own URL, or by `database.url` with database and role replaced.
    ///
    /// The owner is nobody who logs in: the administrator takes on its role.
    package func database(
        of service: ServiceDatabase, as access: DatabaseAccess = .daemon
    ) throws(PostgresError) -> PostgresConfiguration {
        var configuration: PostgresConfiguration
        if let url = ownURL(of: service, as: access) {
            configuration = limited(try PostgresConfiguration(url))
        } else if access == .owner {
            configuration = try administratorDatabase().with(database: service.nameOnServer)
            configuration.assumedRole = service.role(for: .owner)
        } else {
            configuration = try serverDatabase().with(
                database: service.nameOnServer, user: service.role(for: access))
        }
        if access == .requests { configuration.tenantVariable = ServiceDatabase.tenantVariable }
        return configuration
    }

    /// A database with a URL of its own is reached by it in every role that has none of its own.
    private func ownURL(of service: ServiceDatabase, as access: DatabaseAccess) -> String? {
        let own = serviceDatabaseURL[service.name]
        switch access {
        case .daemon: return own
        case .owner: return serviceOwnerURL[service.name] ?? own
        case .requests: return serviceRequestsURL[service.name] ?? own
        }
    }

    private func limited(_ configuration: PostgresConfiguration) -> PostgresConfiguration {
        var configuration = configuration
        configuration.connectTimeout = database.connectTimeout
        configuration.statementTimeout = database.statementTimeout
        configuration.lockTimeout = database.lockTimeout
        return configuration
    }
}
