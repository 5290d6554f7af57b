import Execution
import Foundation
import Postgres
import Synchronization
import TestServers
import Testing

/// What happens when the server, the network or an operator gets in the way.
@Suite(.blocking) struct FailureTests {
    func patient(_ configuration: PostgresConfiguration) -> PostgresConfiguration {
        var configuration = configuration
        configuration.statementTimeout = .milliseconds(200)
        configuration.responseGrace = .milliseconds(300)
        return configuration
    }

    @Test(.servers) func statementTimeoutIsTheServers() throws {
        let connection = try Connection(patient(freshDatabase()), logger: quiet)
        let error = failure { try connection.query("SELECT pg_sleep(60)") }
        #expect(error?.kind == .server(.queryCanceled))
        #expect(error?.isTransient == false)
        #expect(try connection.query("SELECT 1").count == 1)
    }

    @Test(.servers) func cancelFromAnotherThread() throws {
        let configuration = try freshDatabase()
        let connection = try Connection(configuration, logger: quiet)
        let handle = connection.cancelHandle
        let pid = connection.processID
        let canceller = Companion {
            let observer = try Connection(configuration, logger: quiet)
            try eventually("the statement runs") { try observer.isWaiting(pid, "Timeout") }
            return handle.cancel()
        }
        let error = failure { try connection.query("SELECT pg_sleep(60)") }
        #expect(error?.kind == .cancelled)
        #expect(error?.sqlState == .queryCanceled)
        #expect(try canceller.value())
        #expect(try connection.query("SELECT 1").count == 1)
        // Somebody else's cancel isn't ours.
        let other = Companion {
            let observer = try Connection(configuration, logger: quiet)
            try eventually("the statement runs") { try observer.isWaiting(pid, "Timeout") }
            _ = try observer.query("SELECT pg_cancel_backend($1)", [.int4(pid)])
        }
        #expect(failure { try connection.query("SELECT pg_sleep(60)") }?.kind == .server(.queryCanceled))
        try other.value()
        connection.close()
        _ = handle.cancel()
    }

    /// A stopped process keeps its TCP connection: only a time limit helps.
    @Test(.servers) func stoppedServerIsGivenUp() throws {
        let configuration = try freshDatabase()
        for step in ["query", "transaction", "pipeline", "copyIn", "copyOut", "autocommit"] {
            let connection = try Connection(patient(configuration), logger: quiet)
            try connection.script("CREATE TABLE IF NOT EXISTS t (id int8)")
            let pid = connection.processID
            // The session, not the postmaster: other tests use the server.
            let stopped = { #expect(kill(pid, SIGSTOP) == 0) }
            let error = failure {
                switch step {
                case "query":
                    stopped()
                    _ = try connection.query("SELECT 1")
                case "transaction":
                    try connection.transaction { connection in
                        try connection.execute("INSERT INTO t VALUES (1)")
                        stopped()
                    }
                case "pipeline":
                    stopped()
                    // More than the socket takes: it is the sending that gets stuck.
                    let big = String(repeating: "x", count: 8_000_000)
                    try connection.pipeline { for _ in 0..<4 { $0.query("SELECT length($1)", [.text(big)]) } }
                case "copyIn":
                    try connection.copyIn("COPY t FROM STDIN") { writer in
                        stopped()
                        for _ in 0..<5_000_000 { try writer.textRow(["1"]) }
                    }
                case "copyOut":
                    var isFirst = true
                    try connection.copyOut("COPY (SELECT generate_series(1, 10000000)) TO STDOUT") { _ in
                        if isFirst { stopped() }
                        isFirst = false
                    }
                default:
                    stopped()
                    try connection.execute("INSERT INTO t VALUES (1)")
                }
            }
            kill(pid, SIGCONT)
            let unknown = step == "transaction" || step == "autocommit"
            #expect(error?.kind == (unknown ? .commitUnknown : .connection), "\(step): \(String(describing: error))")
            #expect(error?.isConnectionLost == true)
            #expect(error?.isTransient == !unknown)
            #expect(!connection.isUsable)
            #expect(failure { try connection.query("SELECT 1") }?.isConnectionLost == true)
        }
    }

    @Test(.servers) func connectToAStoppedServerIsGivenUp() throws {
        let server = try PostgresServer.start()
        defer { server.stop() }
        var configuration = try PostgresConfiguration(server.createDatabase())
        configuration.connectTimeout = .milliseconds(300)
        let connection = try Connection(configuration, logger: quiet)
        let handle = connection.cancelHandle
        try server.pause()
        let error = failure { try Connection(configuration, logger: quiet) }
        #expect(error?.kind == .connection)
        #expect(!handle.cancel(timeout: .milliseconds(100)))
        try server.resume()
        try eventually("it answers again") { failure { try Connection(configuration, logger: quiet) } == nil }
    }

    @Test(.servers) func terminatedInTheMiddle() throws {
        let configuration = try freshDatabase()
        let admin = try Connection(configuration, logger: quiet)
        try admin.script("CREATE TABLE t (id int8)")
        let connection = try Connection(configuration, logger: quiet)
        let pid = connection.processID
        let error = failure {
            try connection.transaction { connection in
                try connection.execute("INSERT INTO t VALUES (1)")
                _ = try admin.query("SELECT pg_terminate_backend($1, 20000)", [.int4(pid)])
                try connection.execute("INSERT INTO t VALUES (2)")
            }
        }
        #expect(error?.kind == .connection)
        #expect(error?.sqlState == .adminShutdown, "\(String(describing: error))")
        #expect(error?.isTransient == true)
        #expect(!connection.isUsable && !connection.isAlive())
        #expect(try admin.count("t") == 0)
    }

    @Test(.servers) func terminatedBeforeTheCommit() throws {
        let configuration = try freshDatabase()
        let admin = try Connection(configuration, logger: quiet)
        try admin.script("CREATE TABLE t (id int8)")
        for step in ["commit", "pipeline", "autocommit", "implicit"] {
            let connection = try Connection(configuration, logger: quiet)
            let pid = connection.processID
            try connection.execute("INSERT INTO t SELECT 1 WHERE false")
            let terminate = { _ = try admin.query("SELECT pg_terminate_backend($1, 20000)", [.int4(pid)]) }
            let error = failure {
                switch step {
                case "commit":
                    try connection.transaction { connection in
                        try connection.execute("INSERT INTO t VALUES (1)")
                        try terminate()
                    }
                case "pipeline":
                    try connection.transaction { connection in
                        try connection.execute("INSERT INTO t VALUES (1)")
                        try terminate()
                        try connection.pipeline(committing: true) { $0.query("INSERT INTO t VALUES (2)") }
                    }
                case "autocommit":
                    try terminate()
                    try connection.execute("INSERT INTO t SELECT 1 WHERE false")
                default:
                    try terminate()
                    try connection.pipeline { $0.query("INSERT INTO t VALUES (2)") }
                }
            }
            #expect(error?.kind == .commitUnknown, "\(step): \(String(describing: error))")
            #expect(error?.isTransient == false)
        }
        #expect(try admin.count("t") == 0)
    }

    @Test(.servers) func idleConnectionNoticesItsEnd() throws {
        let configuration = try freshDatabase()
        let admin = try Connection(configuration, logger: quiet)
        let connection = try Connection(configuration, logger: quiet)
        #expect(connection.isAlive())
        _ = try admin.query("SELECT pg_terminate_backend($1, 20000)", [.int4(connection.processID)])
        try eventually("the end arrives") { !connection.isAlive() }
        #expect(failure { try connection.query("SELECT 1") }?.isConnectionLost == true)
    }

    @Test(.servers) func listenerLosesItsServer() throws {
        let configuration = try freshDatabase()
        let admin = try Connection(configuration, logger: quiet)
        let listener = try Connection(configuration, logger: quiet)
        try listener.listen("c")
        _ = try admin.query("SELECT pg_terminate_backend($1)", [.int4(listener.processID)])
        #expect(failure { try listener.waitForNotification(timeout: .seconds(60)) }?.kind == .connection)
    }

    @Test(.servers) func closedStaysClosed() throws {
        let connection = try freshConnection()
        connection.close()
        connection.close()
        #expect(failure { try connection.query("SELECT 1") }?.kind == .closed)
        #expect(failure { try connection.transaction { _ in } }?.kind == .closed)
        #expect(failure { try connection.waitForNotification(timeout: .zero) }?.kind == .closed)
    }

    @Test(.servers) func killedAndRestarted() async throws {
        let server = try PostgresServer.start()
        defer { server.stop() }
        let configuration = try PostgresConfiguration(server.createDatabase())
        try Connection(configuration, logger: quiet).script("CREATE TABLE t (id int8 PRIMARY KEY)")
        let pool = ConnectionPool(configuration, size: 3, waitLimit: .milliseconds(500), logger: quiet)
        for number in 0..<10 {
            try await pool.withConnection { _ = try $0.execute("INSERT INTO t VALUES ($1)", [.int(number)]) }
        }
        let stop = StopSignal()
        let progress = Atomic(0)
        let daemon = Companion { () -> Int in
            let reconnecting = ReconnectingConnection(
                configuration, name: "daemon", stop: stop,
                backoff: Backoff(base: .milliseconds(10), cap: .milliseconds(100)),
                logger: quiet)
            while !stop.isStopped {
                do {
                    try reconnecting.run { _ = try $0.query("SELECT count(*) FROM t") }
                    progress.add(1, ordering: .relaxed)
                } catch let error as PostgresError {
                    #expect(error.isConnectionLost || error.isTransient, "\(error)")
                }
            }
            return reconnecting.connects
        }
        try eventually("the daemon works") { progress.load(ordering: .relaxed) > 3 }

        try server.kill()
        let down = await failure { try await pool.withConnection { _ = try $0.query("SELECT 1") } }
        #expect(down?.kind == .connection, "\(String(describing: down))")
        #expect(down?.isTransient == true)

        try server.restart()
        let before = progress.load(ordering: .relaxed)
        try await eventually("the pool works") {
            await failure { try await pool.withConnection { _ = try $0.query("SELECT 1") } } == nil
        }
        try eventually("the daemon works again") { progress.load(ordering: .relaxed) > before + 3 }
        stop.stop()
        #expect(try daemon.value() >= 2)
        // Everything that was confirmed is there.
        #expect(try await pool.withConnection { try $0.count("t") } == 10)
        #expect(await pool.shutdown())
    }

    @Test func reconnectingStopsWhileTheServerIsAway() throws {
        let stop = StopSignal()
        let configuration = try PostgresConfiguration("postgresql://x@127.0.0.1:1/x")
        let failures = Monitor(0)
        let daemon = Companion { () -> PostgresError? in
            let reconnecting = ReconnectingConnection(
                configuration, name: "daemon", stop: stop, backoff: Backoff(base: .seconds(3600), cap: .seconds(3600)),
                logger: quiet)
            failures.update { $0 += 1 }
            return failure { try reconnecting.run { _ in } }
        }
        #expect(failures.wait(for: .seconds(20)) { $0 > 0 ? true : nil } == true)
        stop.stop()
        #expect(try daemon.value()?.kind == .closed)
    }

    @Test(.servers) func retriesTransientErrorsOnly() throws {
        let configuration = try freshDatabase()
        let admin = try Connection(configuration, logger: quiet)
        try admin.script("CREATE TABLE t (id int8 PRIMARY KEY)")
        let reconnecting = ReconnectingConnection(configuration, name: "retrying", stop: StopSignal(), logger: quiet) {
            try $0.script("SET lock_timeout = '50ms'")
        }
        var tries = 0
        try reconnecting.runRetrying { connection in
            try connection.transaction { connection in
                tries += 1
                try connection.execute("INSERT INTO t VALUES (1)")
                if tries < 3 {
                    _ = try admin.query("SELECT pg_terminate_backend($1, 20000)", [.int4(connection.processID)])
                    try connection.execute("SELECT 1")
                }
                #expect(
                    try connection.query("SELECT current_setting('lock_timeout')").one().get(0, as: String.self)
                        == "50ms")
            }
        }
        #expect(tries == 3)
        #expect(reconnecting.connects == 3)
        #expect(try admin.count("t") == 1)
        let error = failure { try reconnecting.runRetrying { try $0.execute("INSERT INTO t VALUES (1)") } }
        #expect(error?.kind == .server(.uniqueViolation))
        // A transaction left open by hand doesn't leak into the next use.
        try reconnecting.run { try $0.script("BEGIN; INSERT INTO t VALUES (2)") }
        #expect(!reconnecting.isConnected)
        #expect(try reconnecting.run { try $0.count("t") } == 1)
    }
}
