import Postgres
import TestServers
import Testing

@Suite(.blocking, .servers) struct MigratorTests {
    static let history = [
        Migration(version: 1, name: "create", sql: "CREATE TABLE t (id int8); INSERT INTO t VALUES (1);"),
        Migration(version: 2, name: "widen", sql: "ALTER TABLE t ADD COLUMN name text; UPDATE t SET name = 'ż'"),
        Migration(
            version: 10, name: "function", sql: "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$"),
    ]

    @Test func appliesOnceInOrder() throws {
        let connection = try freshConnection()
        #expect(try Migrator.migrate(connection, Array(Self.history.prefix(1))).map(\.version) == [1])
        #expect(try Migrator.migrate(connection, Self.history).map(\.version) == [2, 10])
        #expect(try Migrator.migrate(connection, Self.history).isEmpty)
        #expect(try connection.count("t") == 1)
        #expect(try connection.count("pg_locks WHERE locktype = 'advisory'") == 0)
        let timeout = try connection.query("SELECT current_setting('statement_timeout')").one().get(0, as: String.self)
        #expect(timeout == "30s")
    }

    @Test func separateHistoriesShareADatabase() throws {
        let connection = try freshConnection()
        try connection.script("CREATE SCHEMA billing")
        try Migrator.migrate(connection, [Migration(version: 1, name: "a", sql: "CREATE TABLE a ()")])
        try Migrator.migrate(
            connection, [Migration(version: 1, name: "b", sql: "CREATE TABLE b ()")], table: "billing.schema_migrations"
        )
        #expect(try connection.count("billing.schema_migrations") == 1)
    }

    @Test func refusesWhatDoesntFit() throws {
        let connection = try freshConnection()
        try Migrator.migrate(connection, Self.history)
        let next = Migration(version: 11, name: "next", sql: "CREATE TABLE next ()")
        var changed = Self.history + [next]
        changed[1] = Migration(version: 2, name: "widen", sql: changed[1].sql + " ")
        let older = Array(Self.history.prefix(2)) + [next]
        let late = [
            Self.history[0], Self.history[1], Migration(version: 5, name: "late", sql: "SELECT 1"), Self.history[2],
            next,
        ]
        let cases: [([Migration], String)] = [
            (changed, "migration 2 (widen) was changed"),
            (older, "migration 10 (function), which this program doesn't know"),
            (late, "migration 5 (late) comes before 10"), (Self.history.reversed(), "version 2 comes after 10"),
        ]
        for (migrations, message) in cases {
            let error = failure { try Migrator.migrate(connection, migrations) }
            #expect(error?.kind == .migration)
            #expect(error?.message.contains(message) == true, "\(String(describing: error))")
        }
        #expect(try connection.query("SELECT to_regclass('next')::text").one().isNull(0))
        #expect(try Migrator.migrate(connection, Self.history + [next]).count == 1)
    }

    @Test func failingOneLeavesNothing() throws {
        let connection = try freshConnection()
        let broken = Self.history + [Migration(version: 11, name: "broken", sql: "CREATE TABLE half (); SELECT 1/0")]
        let error = failure { try Migrator.migrate(connection, broken) }
        #expect(error?.kind == .server(.divisionByZero))
        #expect(error?.message.hasPrefix("migration 11 (broken): ") == true)
        #expect(try connection.query("SELECT to_regclass('half')::text").one().isNull(0))
        #expect(try connection.count("schema_migrations") == 3)
        let fixed = Self.history + [Migration(version: 11, name: "fixed", sql: "CREATE TABLE half ()")]
        #expect(try Migrator.migrate(connection, fixed).map(\.version) == [11])
    }

    @Test func concurrentOnesApplyOnce() throws {
        let configuration = try freshDatabase()
        let companions = (0..<4).map { _ in
            Companion { try Migrator.migrate(Connection(configuration, logger: quiet), Self.history).count }
        }
        let applied = try companions.map { try $0.value(within: .seconds(60)) }
        #expect(applied.sorted() == [0, 0, 0, 3])
        #expect(try Connection(configuration, logger: quiet).count("t") == 1)
    }

    @Test func waitsForTheOtherOnlySoLong() throws {
        let configuration = try freshDatabase()
        let holder = try Connection(configuration, logger: quiet)
        #expect(try holder.tryAdvisoryLock(Connection.advisoryKey("migrations of schema_migrations")))
        let error = failure {
            try Migrator.migrate(Connection(configuration, logger: quiet), Self.history, lockTimeout: .milliseconds(50))
        }
        #expect(error?.kind == .migration)
    }
}
