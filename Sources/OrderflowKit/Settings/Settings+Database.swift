import Postgres

extension Settings {
    /// The administrator's connection: only `migrate` uses it.
    package func administratorDatabase() throws(PostgresError) -> PostgresConfiguration {
        limited(try PostgresConfiguration(database.url))
    }

    /// How a service reaches its database: its own URL, or `database.url` with database and role replaced.
    package func database(of service: ServiceDatabase) throws(PostgresError) -> PostgresConfiguration {
        if let url = serviceDatabaseURL[service.name] { return limited(try PostgresConfiguration(url)) }
        let name = service.nameOnServer
        return limited(try PostgresConfiguration(database.url).with(database: name, user: name))
    }

    private func limited(_ configuration: PostgresConfiguration) -> PostgresConfiguration {
        var configuration = configuration
        configuration.connectTimeout = database.connectTimeout
        configuration.statementTimeout = database.statementTimeout
        configuration.lockTimeout = database.lockTimeout
        return configuration
    }
}
