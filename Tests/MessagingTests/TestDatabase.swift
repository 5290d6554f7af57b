import Postgres
import TestServers

/// A database of its own with the tables of `schema`, on the server that all tests share, unless another is given.
func freshDatabase(
    _ schema: String, on server: Result<PostgresServer, any Error> = PostgresServer.shared
) throws -> PostgresConfiguration {
    try PostgresConfiguration(
        server.get().createDatabase(of: schema) { url in
            let connection = try Connection(PostgresConfiguration(url), logger: quiet)
            defer { connection.close() }
            try connection.script(schema)
        })
}
