import Execution
import Postgres
import Randomness
import TestServers
import Testing

/// States of a server in which writes can't work.
@Suite(.blocking, .servers) struct OutageTests {
    /// Raised by a real server: every class of which it is known, and made-up codes of these classes.
    @Test func everyCodeSaysWhereItsCauseLies() throws {
        var generator = SeededGenerator.fromEnvironment()
        let letters = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        func anyOf(_ errorClass: String) -> String {
            errorClass + String((0..<3).map { _ in letters.randomElement(using: &generator) ?? "0" })
        }
        var cases: [(String, FailureCause)] = [
            ("25006", .outage), ("25P03", .outage), ("53100", .outage), ("53200", .outage), ("53300", .outage),
            ("53400", .outage), ("57P01", .outage), ("57P02", .outage), ("57P03", .outage), ("57P04", .outage),
            ("57P05", .outage), ("58030", .outage), ("08006", .outage), ("F0000", .outage),
            ("40001", .contention), ("40P01", .contention), ("55P03", .contention),
            ("57014", .upkeep), ("42P01", .upkeep), ("42703", .upkeep), ("42501", .upkeep), ("XX001", .upkeep),
            ("22003", .work), ("22P05", .work), ("23505", .work), ("25P02", .work), ("40002", .work),
            ("42601", .work), ("54000", .work), ("P0001", .work), ("0A000", .work),
        ]
        for (errorClass, cause) in [
            ("08", FailureCause.outage), ("53", .outage), ("57", .outage), ("58", .outage), ("22", .work),
            ("23", .work),
        ] {
            for _ in 0..<3 {
                let code = anyOf(errorClass)
                if code != "57014" { cases.append((code, cause)) }
            }
        }
        let configuration = try freshDatabase()
        for (code, cause) in cases {
            let connection = try Connection(configuration, logger: quiet)
            let error = failure {
                try connection.transaction { try $0.script("DO $$ BEGIN RAISE 'x' USING ERRCODE = '\(code)'; END $$") }
            }
            #expect(error?.sqlState?.code == code)
            #expect(error?.cause == cause, "\(code)")
            #expect(error?.isTransient == (cause == .outage || cause == .contention), "\(code)")
            #expect(error?.isPassing == (cause != .work), "\(code)")
            // A session with a server that takes no writes is left, others go on.
            #expect(connection.isUsable == (code != "25006"), "\(code)")
        }
    }

    /// By whatever way the write comes.
    @Test func aSessionWhoseServerTakesNoWritesIsLeft() throws {
        let admin = try freshConnection()
        try admin.script("CREATE TABLE t (id int8)")
        let ways: [(String, (Connection) throws -> Void)] = [
            ("execute", { try $0.execute("INSERT INTO t VALUES ($1)", [.int(1)]) }),
            ("script", { try $0.script("INSERT INTO t VALUES (1)") }),
            (
                "pipeline",
                {
                    try $0.pipeline {
                        $0.query("SELECT 1"); $0.query("INSERT INTO t VALUES (1)")
                    }
                }
            ),
            ("transaction", { try $0.transaction { _ = try $0.execute("INSERT INTO t VALUES (1)") } }),
            (
                "committing",
                {
                    try $0.transaction {
                        _ = try $0.pipeline(committing: true) { $0.query("INSERT INTO t VALUES (1)") }
                    }
                }
            ),
            ("copy", { try $0.copyIn("COPY t FROM STDIN") { try $0.textRow(["1"]) } }),
            // Whoever swallows it doesn't go on as if nothing were.
            (
                "swallowed",
                {
                    try $0.transaction { connection in
                        _ = try? connection.savepoint { try $0.execute("INSERT INTO t VALUES (1)") }
                    }
                }
            ),
        ]
        for (name, write) in ways {
            let connection = try Connection(admin.configuration, logger: quiet)
            try connection.script("SET default_transaction_read_only = on")
            let error = failure { try write(connection) }
            #expect(error?.sqlState == .readOnlyTransaction, "\(name): \(String(describing: error))")
            #expect(error?.cause == .outage, "\(name): \(String(describing: error))")
            #expect(!connection.isUsable, "\(name)")
            #expect(!connection.isAlive(), "\(name)")
        }
        #expect(try admin.count("t") == 0)
    }

    /// Two servers of which the first is told to take no writes: all that hold sessions leave it, also those that only
    /// read, or only listen.
    @Test func sessionsLeaveAServerThatTakesNoWrites() async throws {
        let (first, second) = (try PostgresServer.start(), try PostgresServer.start())
        let target = try PostgresConfiguration(
            "postgresql://postgres:\(PostgresServer.password)@127.0.0.1:\(first.port),127.0.0.1:\(second.port)/postgres?target_session_attrs=read-write"
        )
        let pool = ConnectionPool(target, size: 2, logger: quiet)
        let port: @Sendable (Connection) throws -> Int = {
            Int(try $0.query("SELECT inet_server_port()").one().get(0, as: Int32.self))
        }
        let stop = StopSignal()
        let places = Monitor(["reader": 0, "listener": 0])
        // As a relay does it: one lock, one session, and nothing but reading for as long as there is nothing to do.
        let reader = Companion {
            let connection = ReconnectingConnection(target, name: "reader", stop: stop, logger: quiet)
            while !stop.isStopped {
                try? connection.run { connection in
                    guard try connection.tryAdvisoryLock(1) else { return }
                    while !stop.wait(for: .milliseconds(5)) {
                        let place = try port(connection)
                        places.update { $0["reader"] = place }
                    }
                }
            }
        }
        let listener = Companion {
            let connection = ReconnectingConnection(target, name: "listener", stop: stop, logger: quiet) {
                let place = try port($0)
                places.update { $0["listener"] = place }
                try $0.listen("news")
            }
            while !stop.isStopped {
                try? connection.run { connection in
                    while !stop.isStopped {
                        _ = try connection.waitForNotification(timeout: .milliseconds(20), stop: stop)
                    }
                }
            }
        }
        try eventually("all are with the first") { places.withLock { $0.values.allSatisfy { $0 == first.port } } }
        #expect(try await pool.withConnection(port) == first.port)
        try first.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        try first.execute("SELECT pg_reload_conf()")
        try eventually("all are with the second") { places.withLock { $0.values.allSatisfy { $0 == second.port } } }
        try await eventually("the pool is with the second") { try await pool.withConnection(port) == second.port }
        #expect(try first.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [["0"]])
        stop.stop()
        try reader.value()
        try listener.value()
        #expect(await pool.shutdown())
    }

    /// A standby, and its promotion when the primary is gone.
    @Test func aStandbyTakesNoWritesUntilItIsPromoted() throws {
        let primary = try PostgresServer.start()
        try primary.execute("CREATE TABLE t (id int8)")
        let standby = try primary.standby()
        let alone = try PostgresConfiguration(standby.url())
        let write: (Connection) throws -> Void = { try $0.execute("INSERT INTO t VALUES (1)") }
        let lone = try Connection(alone, logger: quiet)
        try eventually("the table is there") { try lone.query("SELECT to_regclass('t') IS NOT NULL").one().get(0) }
        let error = failure { try write(lone) }
        #expect(error?.kind == .server(.readOnlyTransaction))
        #expect(error?.cause == .outage)
        let both = try PostgresConfiguration(
            "postgresql://postgres:\(PostgresServer.password)@127.0.0.1:\(standby.port),127.0.0.1:\(primary.port)/postgres?target_session_attrs=read-write"
        )
        let connection = ReconnectingConnection(
            both, name: "both", stop: StopSignal(), backoff: Backoff(base: .milliseconds(10), cap: .milliseconds(100)),
            logger: quiet)
        try connection.run(write)
        try eventually("the row is with the standby") { try Connection(alone, logger: quiet).count("t") == 1 }
        try primary.kill()
        try standby.execute("SELECT pg_promote()")
        try connection.runRetrying(repeatingUnknownCommits: true, write)
        #expect(try Connection(alone, logger: quiet).count("t") == 2)
    }
}
