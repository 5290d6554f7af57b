import Execution
import Logging
import OrderflowKit
import Postgres

/// How a command reaches a service's database: a connection of its own, on a thread of its own.
extension Settings {
    /// - Parameter name: of the thread, and of the logger.
    func withConnection<Value: Sendable>(
        to database: ServiceDatabase, as access: DatabaseAccess = .daemon, named name: String,
        _ body: @escaping @Sendable (Connection) throws -> Value
    ) async throws -> Value {
        let configuration = try self.database(of: database, as: access)
        return try await DedicatedThread.run(name) {
            let connection = try Connection(configuration, logger: Logger(label: name))
            defer { connection.close() }
            return try body(connection)
        }
    }
}

extension SettingsOptions {
    /// The same for a command that asks nothing else of its settings.
    func withDatabase<Value: Sendable>(
        of database: ServiceDatabase, as access: DatabaseAccess = .daemon, named name: String,
        _ body: @escaping @Sendable (Connection) throws -> Value
    ) async throws -> Value {
        let settings = try load().settings
        Observability.start(settings.log)
        return try await settings.withConnection(to: database, as: access, named: name, body)
    }
}
