import Execution
import Logging
import Postgres
import TestServers
import Testing

@testable import OrderflowApp
@testable import OrderflowKit

/// Against a PostgreSQL server of its own: roles belong to the whole server.
@Suite(.blocking, .serialized, .servers) struct DatabaseProvisionerTests {
    private static let server = Result { try PostgresServer.start() }
    private let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    private static let first = Migration(version: 1, name: "things", sql: "CREATE TABLE things (id text PRIMARY KEY)")
    private static let second = Migration(version: 2, name: "more", sql: "ALTER TABLE things ADD COLUMN more text")

    private func databases(_ migrations: [Migration]) -> [ServiceDatabase] {
        [ServiceDatabase("orders", migrations: migrations), ServiceDatabase("payment", migrations: migrations)]
    }

    /// A server without any of our databases and roles.
    private func freshServer() throws -> PostgresServer {
        let server = try Self.server.get()
        for database in OrderflowApp.services.databases {
            try server.execute("DROP DATABASE IF EXISTS \(database.nameOnServer) WITH (FORCE)")
            try server.execute("DROP ROLE IF EXISTS \(database.nameOnServer)")
        }
        return server
    }

    private func settings(_ url: String, own: [String: String] = [:]) -> Settings {
        var settings = Settings(OrderflowApp.services)
        settings.database.url = url
        settings.serviceDatabaseURL = own
        return settings
    }

    private func run(_ settings: Settings, _ migrations: [Migration]) throws -> [DatabaseProvisioner.Result] {
        var results: [DatabaseProvisioner.Result] = []
        try DatabaseProvisioner(settings: settings, logger: logger).run(databases(migrations)) { results.append($0) }
        return results
    }

    @Test func makesAndMigratesWhatIsMissingOnce() throws {
        let settings = settings(try freshServer().url())
        #expect(
            try run(settings, [Self.first]) == [
                .init(database: .orders, created: true, applied: [Self.first]),
                .init(database: .payment, created: true, applied: [Self.first]),
            ])
        #expect(
            try run(settings, [Self.first]) == [
                .init(database: .orders, created: false, applied: []),
                .init(database: .payment, created: false, applied: []),
            ])
        #expect(try run(settings, [Self.first, Self.second]).map(\.applied) == [[Self.second], [Self.second]])
    }

    @Test func tablesBelongToTheServicesRole() throws {
        let settings = settings(try freshServer().url())
        _ = try run(settings, [Self.first])
        let connection = try Connection(try settings.database(of: .orders))
        let rows = try connection.query(
            "SELECT current_user::text, tableowner::text FROM pg_tables WHERE tablename = 'things'")
        #expect(try rows[0].get(0, as: String.self) == "orderflow_orders")
        #expect(try rows[0].get(1, as: String.self) == "orderflow_orders")
        // A shadow schema for rebuilds is within its rights.
        try connection.script("CREATE SCHEMA shadow; DROP SCHEMA shadow")
    }

    @Test func noServiceCanConnectToAnothersDatabase() throws {
        let settings = settings(try freshServer().url())
        _ = try run(settings, [Self.first])
        let foreign = try settings.database(of: .payment).with(user: ServiceDatabase.orders.nameOnServer)
        let error = #expect(throws: PostgresError.self) { _ = try Connection(foreign) }
        #expect(error?.sqlState == .insufficientPrivilege)
    }

    @Test func rolesGetTheAdministratorsPassword() throws {
        let server = try freshServer()
        let url = "postgresql://postgres:o%27hara@127.0.0.1:\(server.port)/postgres"
        _ = try run(settings(url), [Self.first])
        let connection = try Connection(PostgresConfiguration(server.url()))
        let rows = try connection.query("SELECT rolpassword FROM pg_authid WHERE rolname = 'orderflow_orders'")
        #expect(try rows[0].get(0, as: String.self).hasPrefix("SCRAM-SHA-256$"))
    }

    /// The server checks passwords for TCP from now on; the test's own server is the one that is changed.
    @Test func aChangedPasswordReachesTheRoles() throws {
        let server = try PostgresServer.start()
        defer { server.stop() }
        func url(_ password: String) -> String { "postgresql://postgres:\(password)@127.0.0.1:\(server.port)/postgres" }
        try server.execute("ALTER ROLE postgres PASSWORD 'first'")
        try server.execute(
            "DO $$ BEGIN EXECUTE format('COPY (SELECT %L) TO %L', 'host all all 127.0.0.1/32 scram-sha-256', "
                + "current_setting('hba_file')); END $$")
        try server.execute("SELECT pg_reload_conf()")
        let administrator = try PostgresConfiguration(url("wrong"))
        try eventually("passwords are checked") {
            do {
                _ = try Connection(administrator)
                return false
            } catch let error as PostgresError {
                return error.sqlState == .invalidPassword
            }
        }
        #expect(try run(settings(url("first")), [Self.first]).map(\.created) == [true, true])
        let connection = try Connection(PostgresConfiguration(url("first")))
        try connection.script("ALTER ROLE postgres PASSWORD 'second'")
        #expect(
            try run(settings(url("second")), [Self.first, Self.second]).map(\.applied) == [
                [Self.second], [Self.second],
            ])
        #expect(throws: PostgresError.self) { try run(settings(url("first")), [Self.first, Self.second]) }
    }

    @Test func anAdministratorNeedNotBeASuperuser() throws {
        let server = try freshServer()
        try server.execute("DROP ROLE IF EXISTS deputy")
        try server.execute("CREATE ROLE deputy LOGIN CREATEDB CREATEROLE")
        let settings = settings("postgresql://deputy@127.0.0.1:\(server.port)/postgres")
        #expect(try run(settings, [Self.first]).map(\.created) == [true, true])
        #expect(try run(settings, [Self.first]).map(\.created) == [false, false])
    }

    @Test func aConfiguredDatabaseIsOnlyMigrated() throws {
        let server = try freshServer()
        let own = try server.createDatabase()
        let settings = settings(server.url(), own: ["orders": own])
        #expect(
            try run(settings, [Self.first]) == [
                .init(database: .orders, created: false, applied: [Self.first]),
                .init(database: .payment, created: true, applied: [Self.first]),
            ])
        let connection = try Connection(PostgresConfiguration(server.url()))
        let rows = try connection.query("SELECT 1 FROM pg_roles WHERE rolname = 'orderflow_orders'")
        #expect(rows.isEmpty)
    }

    @Test func allConfiguredNeedNoAdministrator() throws {
        let server = try freshServer()
        let settings = settings(
            "postgresql://nobody@127.0.0.1:1/none",
            own: ["orders": try server.createDatabase(), "payment": try server.createDatabase()])
        #expect(try run(settings, [Self.first]).map(\.applied) == [[Self.first], [Self.first]])
    }

    /// Several machines are started at once: one makes, the others find it made.
    @Test func runsAtTheSameTimeDoNotDisturbEachOther() throws {
        let settings = settings(try freshServer().url())
        let done = Monitor<[Result<[DatabaseProvisioner.Result], any Error>]>([])
        for index in 0..<4 {
            DedicatedThread.start("migrate-\(index)") {
                let result = Result { try run(settings, [Self.first, Self.second]) }
                done.update { $0.append(result) }
            }
        }
        let results = try #require(done.wait(for: .seconds(60)) { $0.count == 4 ? $0 : nil })
        let all = try results.flatMap { try $0.get() }
        #expect(all.filter(\.created).count == 2)
        #expect(all.flatMap(\.applied).count == 4)
    }

    @Test func everyServicesSchemaApplies() throws {
        let settings = settings(try freshServer().url())
        var results: [DatabaseProvisioner.Result] = []
        try DatabaseProvisioner(settings: settings, logger: logger).run(OrderflowApp.services.databases) {
            results.append($0)
        }
        #expect(results.map(\.database) == OrderflowApp.services.databases)
        #expect(results.allSatisfy { $0.created && !$0.applied.isEmpty })
    }
}

@Suite(.blocking) struct ServerWaitTests {
    private struct Away: Error, CustomStringConvertible { let description = "away" }
    private struct Broken: Error {}

    @Test func triesUntilTheServerIsThere() throws {
        var tries = 0
        var said: [String] = []
        let answer = try ServerWait.until(
            "X", limit: .seconds(60), stop: StopSignal(), say: { said.append($0) }, isWorthWaiting: { $0 is Away }
        ) {
            tries += 1
            if tries < 3 { throw Away() }
            return tries
        }
        #expect(answer == 3)
        #expect(said == ["waiting for X: away"])
    }

    @Test func givesUpAtTheLimitAndOnWhatWaitingWontMend() {
        let stop = StopSignal()
        let late = #expect(throws: ServerWait.TimedOut.self) {
            try ServerWait.until("X", limit: .zero, stop: stop, say: { _ in }, isWorthWaiting: { _ in true }) {
                throw Away()
            }
        }
        #expect(late?.description == "X isn't there after 0s: away")
        #expect(throws: Broken.self) {
            try ServerWait.until("X", limit: nil, stop: stop, say: { _ in }, isWorthWaiting: { $0 is Away }) {
                throw Broken()
            }
        }
    }

    @Test func aRequestToStopEndsTheWait() {
        let stop = StopSignal()
        #expect(throws: ServerWait.Stopped.self) {
            try ServerWait.until("X", limit: nil, stop: stop, say: { _ in stop.stop() }, isWorthWaiting: { _ in true })
            {
                throw Away()
            }
        }
    }
}
