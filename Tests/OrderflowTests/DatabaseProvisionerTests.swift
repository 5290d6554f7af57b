import Execution
import Logging
import Messaging
import Postgres
import Projection
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
        try server.execute(
            each: OrderflowApp.services.provisionedDatabases.flatMap { database in
                ["DROP DATABASE IF EXISTS \(database.nameOnServer) WITH (FORCE)"]
                    + DatabaseAccess.allCases.map { "DROP ROLE IF EXISTS \(database.role(for: $0))" }
            })
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
        let connection = try Connection(try settings.database(of: .orders, as: .owner))
        let rows = try connection.query(
            "SELECT current_user::text, tableowner::text FROM pg_tables WHERE tablename = 'things'")
        #expect(try rows[0].get(0, as: String.self) == "orderflow_orders")
        #expect(try rows[0].get(1, as: String.self) == "orderflow_orders")
        // A shadow schema for rebuilds is within its rights.
        try connection.script("CREATE SCHEMA shadow; DROP SCHEMA shadow")
    }

    /// Publications, the attribute and slots come with `relay.source: wal`, and go with windows.
    @Test func whatTheLogNeedsComesAndGoes() throws {
        let server = try freshServer()
        var settings = settings(try server.url())
        let migrations = [Migration(version: 1, name: "messages", sql: MessagingSchema.v1)]
        func state() throws -> [String] {
            try server.query(
                """
                SELECT 'slot ' || database FROM pg_replication_slots WHERE starts_with(slot_name, 'orderflow_relay_')
                UNION ALL SELECT 'role ' || rolname FROM pg_roles WHERE rolreplication AND rolname LIKE 'orderflow%'
                ORDER BY 1
                """
            ).map { $0[0] }
        }
        #expect(try run(settings, migrations).allSatisfy { $0.notes.isEmpty })
        #expect(try state().isEmpty)
        settings.relaySource = .wal
        for _ in 0..<2 {
            #expect(try run(settings, migrations).flatMap(\.notes) == [])
            #expect(
                try state() == [
                    "role orderflow_orders_daemon", "role orderflow_payment_daemon", "slot orderflow_orders",
                    "slot orderflow_payment",
                ])
        }
        // The daemons' rights suffice, and the table of slots is theirs to keep.
        let daemon = try Connection(try settings.database(of: .orders))
        #expect(try daemon.query("SELECT slot FROM relay_slots").count == 1)
        #expect(try daemon.query("SELECT 1 FROM pg_publication_tables WHERE tablename = 'outbox'").count == 1)
        settings.relaySource = .windows
        #expect(try run(settings, migrations).flatMap(\.notes) == [])
        #expect(try state().isEmpty)
        #expect(try daemon.query("SELECT 1 FROM pg_publication").isEmpty)
        #expect(try daemon.query("SELECT to_regclass('relay_slots') IS NULL").one().get(0, as: Bool.self))
    }

    /// What only a superuser or another setting of the server can mend is said with the line that mends it.
    @Test func whatTheLogLacksIsSaid() throws {
        let server = try PostgresServer.start(settings: ["wal_level=replica"])
        defer { server.stop() }
        var settings = settings(try server.url())
        settings.relaySource = .wal
        let migrations = [Migration(version: 1, name: "messages", sql: MessagingSchema.v1)]
        let notes = try run(settings, migrations).flatMap(\.notes)
        #expect(notes.count == 2 && notes.allSatisfy { $0.contains("wal_level = logical") })
        let administrator = try Connection(PostgresConfiguration(server.url(database: "orderflow_orders")))
        try administrator.script("ALTER ROLE orderflow_orders_daemon NOREPLICATION")
        let obstacles = try RelaySlots.obstacles(for: "orderflow_orders_daemon", on: administrator)
        #expect(obstacles.contains { $0.contains("ALTER ROLE orderflow_orders_daemon REPLICATION") })
    }

    @Test func noServiceCanConnectToAnothersDatabase() throws {
        let settings = settings(try freshServer().url())
        _ = try run(settings, [Self.first])
        let foreign = try settings.database(of: .payment).with(user: ServiceDatabase.orders.role(for: .daemon))
        let error = #expect(throws: PostgresError.self) { _ = try Connection(foreign) }
        #expect(error?.sqlState == .insufficientPrivilege)
    }

    /// Daemons' and requests' roles have the daemons' password, whichever setting says it, and a new one once it changes;
    /// nobody logs in as the owner. Without an administrator's URL the daemons' is the administrator's.
    @Test func rolesGetTheDaemonsPassword() throws {
        let server = try freshServer()
        var settings = settings(PostgresServer.url(port: server.port, user: "any", password: "o%27hara"))
        settings.database.adminURL = server.url()
        func check() throws {
            for access in [DatabaseAccess.daemon, .requests] {
                try Connection(settings.database(of: .orders, as: access), logger: logger).close()
            }
            let wrong = try settings.database(of: .orders).with(password: "guessed")
            #expect(throws: PostgresError.self) { try Connection(wrong, logger: logger) }
            let owner = try settings.database(of: .orders).with(user: "orderflow_orders")
            #expect(throws: PostgresError.self) { try Connection(owner, logger: logger) }
        }
        #expect(try run(settings, [Self.first]).map(\.created) == [true, true])
        try check()
        settings.database.password = "another"
        #expect(throws: PostgresError.self) { try Connection(settings.database(of: .orders), logger: logger) }
        #expect(try run(settings, [Self.first]).map(\.created) == [false, false])
        try check()
        settings.database.url = server.url()
        settings.database.password = nil
        settings.database.adminURL = nil
        #expect(try run(settings, [Self.first, Self.second]).map(\.applied) == [[Self.second], [Self.second]])
        try check()
        settings.database.url = PostgresServer.url(port: server.port, password: "wrong")
        #expect(throws: PostgresError.self) { try run(settings, [Self.first, Self.second]) }
    }

    /// An installation whose daemons log in as the owners of their tables: they go on while it is updated, and are shut
    /// out once none of them is connected any more.
    @Test func anInstallationOfAnEarlierVersionIsTakenOver() throws {
        let server = try freshServer()
        let events = Migration(version: 1, name: "events", sql: "CREATE TABLE events (tenant text, body text)")
        let databases = [ServiceDatabase("orders", appendOnly: ["events"], migrations: [events])]
        try server.execute("CREATE ROLE orderflow_orders LOGIN PASSWORD 'old'")
        try server.execute("CREATE DATABASE orderflow_orders OWNER orderflow_orders TEMPLATE template0 LOCALE 'C'")
        let before = try Connection(
            PostgresConfiguration(
                PostgresServer.url(
                    port: server.port, database: "orderflow_orders", user: "orderflow_orders", password: "old")),
            logger: logger)
        try Migrator.migrate(before, [events])
        try before.execute("INSERT INTO events VALUES ('acme', 'of before')")
        var settings = settings(PostgresServer.url(port: server.port, user: "any", password: "new"))
        settings.database.adminURL = server.url()
        var results: [DatabaseProvisioner.Result] = []
        let provisioner = DatabaseProvisioner(settings: settings, logger: logger)
        try provisioner.run(databases) { results.append($0) }
        #expect(results.map(\.applied) == [[]] && results.map(\.created) == [false])
        #expect(results[0].notes.count == 1 && results[0].notes[0].contains("1 sessions of an earlier version"))
        // COPY is for those only who are subject to no policy.
        try before.copyIn("COPY events FROM STDIN") { try $0.textRow(["acme", "while it is updated"]) }
        let daemon = try Connection(settings.database(of: .orders), logger: logger)
        try daemon.execute("INSERT INTO events VALUES ('other', 'of the new version')")
        let requests = try Connection(settings.database(of: .orders, as: .requests), logger: logger)
        let seen = try requests.acting(for: "acme") { connection in
            try connection.query("SELECT body FROM events ORDER BY 1").map { try $0.get(0, as: String.self) }
        }
        #expect(seen == ["of before", "while it is updated"])
        let pid = before.processID
        before.close()
        try eventually("the earlier version is gone") {
            try server.query("SELECT FROM pg_stat_activity WHERE pid = \(pid)").isEmpty
        }
        try provisioner.run(databases) { results.append($0) }
        #expect(results[1].notes.isEmpty)
        #expect(
            try server.query("SELECT rolcanlogin, rolpassword FROM pg_authid WHERE rolname = 'orderflow_orders'")
                == [["f", ""]])
        #expect(
            try server.query(
                "SELECT relforcerowsecurity FROM pg_class WHERE relname = 'events'", database: "orderflow_orders")
                == [["t"]])
    }

    @Test func anAdministratorNeedNotBeASuperuser() throws {
        let server = try freshServer()
        try server.execute("DROP ROLE IF EXISTS deputy")
        try server.execute("CREATE ROLE deputy LOGIN CREATEDB CREATEROLE PASSWORD 'x'")
        let settings = settings(PostgresServer.url(port: server.port, user: "deputy", password: "x"))
        #expect(try run(settings, [Self.first]).map(\.created) == [true, true])
        #expect(try run(settings, [Self.first]).map(\.created) == [false, false])
        // Only a superuser can have daemons bypass policies; these let them see everything all the same.
        try DatabaseProvisioner(settings: settings, logger: logger).run([.views])
        let daemon = try Connection(settings.database(of: .views), logger: logger)
        #expect(try daemon.query("SELECT row_security_active('order_views')").one().get(0, as: Bool.self))
        #expect(try !OrderViewRows.canBeCopied(on: daemon))
        try daemon.execute("INSERT INTO invoice_orders (tenant, order_id, status) VALUES ('a', 'o', 0), ('b', 'o', 0)")
        #expect(try daemon.query("SELECT FROM invoice_orders").count == 2)
    }

    @Test func aConfiguredDatabaseIsOnlyMigrated() throws {
        let server = try freshServer()
        let own = try server.createDatabase()
        let settings = settings(server.url(), own: ["orders": own])
        let results = try run(settings, [Self.first])
        #expect(results.map(\.created) == [false, true] && results.allSatisfy { $0.applied == [Self.first] })
        let connection = try Connection(PostgresConfiguration(server.url()))
        let rows = try connection.query("SELECT 1 FROM pg_roles WHERE rolname LIKE 'orderflow_orders%'")
        #expect(rows.isEmpty)
    }

    /// Roles that somebody else has made get their rights and policies; where there is but one, that is said.
    @Test func configuredRolesGetTheirRights() throws {
        let server = try freshServer()
        let own = try server.createDatabase()
        let name = try #require(try PostgresConfiguration(own).database)
        for role in ["owner", "worker", "visitor"] {
            try server.execute("CREATE ROLE \(role)_\(name) LOGIN PASSWORD 'x'")
        }
        try server.execute("ALTER DATABASE \(name) OWNER TO owner_\(name)")
        func url(_ role: String) -> String {
            PostgresServer.url(port: server.port, database: name, user: "\(role)_\(name)", password: "x")
        }
        let things = Migration(version: 1, name: "things", sql: "CREATE TABLE things (tenant text)")
        let databases = [ServiceDatabase("orders", migrations: [things])]
        var settings = settings(server.url(), own: ["orders": url("worker")])
        settings.serviceOwnerURL["orders"] = url("owner")
        settings.serviceRequestsURL["orders"] = url("visitor")
        var results: [DatabaseProvisioner.Result] = []
        try DatabaseProvisioner(settings: settings, logger: logger).run(databases) { results.append($0) }
        #expect(results.map(\.applied) == [[things]] && results[0].notes.isEmpty, "\(results)")
        try Connection(settings.database(of: .orders), logger: logger).execute("INSERT INTO things VALUES ('a'), ('b')")
        let visitor = try Connection(settings.database(of: .orders, as: .requests), logger: logger)
        #expect(try visitor.acting(for: "a") { try $0.query("SELECT FROM things").count } == 1)
        settings.serviceOwnerURL = [:]
        settings.serviceRequestsURL = [:]
        settings.serviceDatabaseURL["orders"] = url("owner")
        try DatabaseProvisioner(settings: settings, logger: logger).run(databases) { results.append($0) }
        #expect(results[1].notes.count == 2)
        #expect(try Connection(settings.database(of: .orders)).query("SELECT FROM things").count == 2)
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
        try DatabaseProvisioner(settings: settings, logger: logger).run(OrderflowApp.services.provisionedDatabases) {
            results.append($0)
        }
        #expect(results.map(\.database) == OrderflowApp.services.provisionedDatabases)
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
