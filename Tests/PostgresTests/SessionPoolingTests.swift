import Execution
import Postgres
import Randomness
import TestServers
import Testing

/// Poolers between us and the server.
@Suite(.blocking, .servers) struct SessionPoolingTests {
    /// Sessions that are given to others between transactions are found out before anything is done with one, in
    /// whatever order they are handed out and however many there are.
    @Test func sharedSessionsAreRefusedInOneSentence() throws {
        let server = try PostgresServer.shared.get()
        var generator = SeededGenerator.fromEnvironment()
        for mode in [PgBouncer.Mode.transaction, .statement] {
            for rotates in [false, true] {
                let pooler = try PgBouncer(
                    for: server, mode: mode, sessions: Int.random(in: 1...6, using: &generator), rotates: rotates)
                let database = try PostgresConfiguration(server.createDatabase()).database ?? ""
                let target = try PostgresConfiguration(pooler.url(database: database))
                // With sessions in its pool that others have used, and without.
                for _ in 0..<2 {
                    let error = failure { try Connection(target, logger: quiet) }
                    #expect(error?.kind == .configuration, "\(mode): \(String(describing: error))")
                    #expect(error?.message.contains("set pool_mode = session") == true, "\(String(describing: error))")
                    #expect(error?.isTransient == false)
                }
                let held = try server.query(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", database: database)
                #expect(held == [["0"]])
            }
        }
    }

    /// Whatever other clients have of the pool in the middle of a check.
    @Test func sharedSessionsAreFoundOutAmongOthers() throws {
        let server = try PostgresServer.shared.get()
        for rotates in [false, true] {
            let pooler = try PgBouncer(for: server, mode: .transaction, sessions: 20, rotates: rotates)
            let database = try PostgresConfiguration(server.createDatabase()).database ?? ""
            let target = try PostgresConfiguration(pooler.url(database: database))
            let taken = Monitor(0)
            let threads = (0..<8).map { _ in
                DedicatedThread.start("client") {
                    for _ in 0..<15 {
                        if failure({ try Connection(target, logger: quiet) })?.kind != .configuration {
                            taken.update { $0 += 1 }
                        }
                    }
                }
            }
            for thread in threads { thread.join(timeout: .seconds(60)) }
            #expect(taken.withLock { $0 } == 0, "rotates: \(rotates)")
        }
    }

    @Test func sessionsOfOnesOwnAreTaken() throws {
        let pooler = try PgBouncer(for: PostgresServer.shared.get(), mode: .session)
        var target = try PostgresConfiguration(pooler.url())
        target.statementTimeout = .seconds(7)
        for _ in 0..<3 {
            let connection = try Connection(target, logger: quiet)
            let other = try Connection(target, logger: quiet)
            // The pooler has dropped what the session was to be opened with.
            #expect(try connection.query("SHOW statement_timeout").one().get(0, as: String.self) == "7s")
            let key = Connection.advisoryKey("pooled")
            #expect(try connection.tryAdvisoryLock(key))
            #expect(try !other.tryAdvisoryLock(key))
            connection.close()
            try eventually("the lock goes with its session") { try other.tryAdvisoryLock(key) }
            other.close()
        }
    }

    /// The role that a session takes on, and the tenant that it acts for, are its client's and end with it.
    @Test func rolesAndTenantsArentLeftBehind() throws {
        let server = try PostgresServer.shared.get()
        let pooler = try PgBouncer(for: server, mode: .session, sessions: 2)
        let role = "taken_on_\(UInt64.random(in: 0...UInt64.max))"
        try server.execute("CREATE ROLE \(role) NOLOGIN")
        let plain = try PostgresConfiguration(pooler.url())
        var acting = plain
        acting.assumedRole = role
        acting.tenantVariable = "pooled.tenant"
        for _ in 0..<2 {
            let first = try Connection(acting, logger: quiet)
            let row = try first.acting(for: "a") {
                try $0.query("SELECT current_user::text, current_setting('pooled.tenant')").one()
            }
            #expect(try row.get(0, as: String.self) == role)
            #expect(try row.get(1, as: String.self) == "a")
            first.close()
            let second = try Connection(plain, logger: quiet)
            let left = try second.query("SELECT current_user::text, current_setting('pooled.tenant', true)").one()
            #expect(try left.get(0, as: String.self) == "postgres")
            #expect(try (left.get(1, as: String?.self) ?? "").isEmpty)
            second.close()
        }
    }

    @Test func aPoolerThatRefusesOurSettingsSaysWhatToSet() throws {
        let pooler = try PgBouncer(for: PostgresServer.shared.get(), mode: .session, takesOptions: false)
        let error = failure { try Connection(PostgresConfiguration(pooler.url()), logger: quiet) }
        #expect(error?.kind == .configuration, "\(String(describing: error))")
        #expect(error?.message.contains("ignore_startup_parameters = options") == true, "\(String(describing: error))")
    }
}
