import Testing
import TestServers

@Suite(.blocking, .servers) struct PostgresServerTests {
    @Test func answersInFreshDatabases() throws {
        let server = try PostgresServer.shared.get()
        let first = try server.createDatabase()
        #expect(try psql(first, "CREATE TABLE t (a int); SELECT count(*) FROM t") == "0")
        #expect(try server.createDatabase() != first)
    }

    @Test func acceptsRolesWithPasswords() throws {
        let server = try PostgresServer.shared.get()
        try server.execute("CREATE ROLE keeper LOGIN PASSWORD 'secret'")
        let url = PostgresServer.url(port: server.port, user: "keeper", password: "secret")
        #expect(try psql(url, "SELECT current_user") == "keeper")
        let wrong = PostgresServer.url(port: server.port, user: "keeper", password: "guessed")
        #expect(throws: (any Error).self) { try psql(wrong, "SELECT 1") }
    }

    @Test(arguments: [true, false]) func keepsItsDataWhenKilled(durable: Bool) throws {
        let server = try PostgresServer.start(durable: durable)
        defer { server.stop() }
        let database = try server.createDatabase()
        #expect(try psql(database, "SHOW fsync") == (durable ? "on" : "off"))
        _ = try psql(database, "CREATE TABLE t (a int); INSERT INTO t VALUES (42)")
        try server.kill()
        #expect(throws: (any Error).self) { try psql(database, "SELECT 1") }
        try server.restart()
        #expect(try psql(database, "SELECT a FROM t") == "42")
        try server.shutDown()
        #expect(throws: (any Error).self) { try psql(database, "SELECT 1") }
        try server.restart()
        #expect(try psql(database, "SELECT a FROM t") == "42")
    }

    @Test func pausesWithAllItsSessions() throws {
        let server = try PostgresServer.start()
        defer { server.stop() }
        let before = try #require(Int(psql(server.url(), "SELECT pg_backend_pid()")))
        try server.pause()
        // The kernel still accepts the connection, the server doesn't answer on it.
        let stuck = try Command("psql", ["-XAtqd", server.url(), "-c", "SELECT 1"])
        #expect(throws: NeverHappened.self) {
            try eventually(within: .milliseconds(300), "an answer") { !stuck.isRunning }
        }
        try server.resume()
        #expect(try stuck.output() == "1")
        #expect(try Int(psql(server.url(), "SELECT pg_backend_pid()")) != before)
    }

    @Test func stopsWhilePaused() throws {
        let server = try PostgresServer.start()
        try server.pause()
        server.stop()
        #expect(throws: (any Error).self) { try psql(server.url(), "SELECT 1") }
        #expect(throws: TestServerError.self) { try server.restart() }
    }
}

private func psql(_ url: String, _ sql: String) throws -> String {
    try Command("psql", ["-XAtqd", url, "-v", "ON_ERROR_STOP=1", "-c", sql]).output()
}
