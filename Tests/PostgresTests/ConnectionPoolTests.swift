import Execution
import Postgres
import Synchronization
import TestServers
import Testing

@Suite(.blocking) struct ConnectionPoolTests {
    /// Holds threads of a pool busy until told otherwise.
    final class Gate: Sendable {
        private let state = Monitor((entered: 0, isOpen: false))
        func pass() {
            state.update { $0.entered += 1 }
            _ = state.wait(for: .seconds(60)) { $0.isOpen ? true : nil }
        }
        func open() { state.update { $0.isOpen = true } }
        func waitForEntered(_ count: Int) -> Bool {
            state.wait(for: .seconds(20)) { $0.entered >= count ? true : nil } ?? false
        }
    }

    @Test(.servers) func manyCallersShareFewConnections() async throws {
        let pool = ConnectionPool(try freshDatabase(), size: 3, queueLimit: 1000, logger: quiet)
        let total = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<500 {
                group.addTask {
                    try await pool.withConnection {
                        try $0.query("SELECT $1", [.int(number)]).one().get(0, as: Int.self)
                    }
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(total == 124_750)
        try eventually("the last thread has put its work down") { pool.counters.inUse == 0 }
        let counters = pool.counters
        #expect(counters.completed == 500)
        #expect(counters.connects <= 3 && counters.connected == counters.connects)
        #expect(counters.queued == 0 && counters.refused == 0 && counters.expired == 0)
        #expect(await pool.shutdown())
        #expect(pool.counters.connected == 0)
    }

    @Test(.servers) func oneCallerUsesOneConnection() async throws {
        let pool = ConnectionPool(try freshDatabase(), size: 4, logger: quiet)
        var processes: Set<Int32> = []
        for _ in 0..<20 {
            processes.insert(try await pool.withConnection { $0.processID })
            try eventually("its thread is idle") { pool.counters.inUse == 0 }
        }
        // A thread counts as free a moment before it lines up again.
        #expect(processes.count <= 2)
        #expect(await pool.shutdown())
    }

    @Test(.servers) func errorsReachTheCaller() async throws {
        let pool = ConnectionPool(try freshDatabase(), size: 1, logger: quiet)
        let error = await failure { try await pool.withConnection { _ = try $0.query("SELECT 1/0") } }
        #expect(error?.kind == .server(.divisionByZero))
        // An open transaction doesn't become the next caller's.
        try await pool.withConnection { try $0.script("BEGIN; CREATE TABLE left_over ()") }
        #expect(try await pool.withConnection { try $0.query("SELECT to_regclass('left_over')::text").one().isNull(0) })
        #expect(await pool.shutdown())
    }

    @Test(.servers) func fullQueueRefuses() async throws {
        let pool = ConnectionPool(try freshDatabase(), size: 1, queueLimit: 2, logger: quiet)
        let gate = Gate()
        let ran = Atomic(0)
        #expect(pool.submit { _ in gate.pass() })
        #expect(gate.waitForEntered(1))
        #expect(pool.submit { _ in ran.add(1, ordering: .relaxed) })
        #expect(pool.submit { _ in ran.add(1, ordering: .relaxed) })
        #expect(!pool.submit { _ in Issue.record("refused work ran") })
        let error = await failure { try await pool.withConnection { _ in } }
        #expect(error?.kind == .poolExhausted)
        #expect(error?.isTransient == true)
        #expect(pool.counters.queued == 2 && pool.counters.refused == 2 && pool.counters.inUse == 1)
        gate.open()
        try eventually("the queue is worked off") { ran.load(ordering: .relaxed) == 2 }
        #expect(await pool.shutdown())
    }

    @Test(.servers) func cancelledTaskLeavesTheQueue() async throws {
        let pool = ConnectionPool(try freshDatabase(), size: 1, logger: quiet)
        let gate = Gate()
        #expect(pool.submit { _ in gate.pass() })
        #expect(gate.waitForEntered(1))
        let task = Task { try await pool.withConnection { _ in Issue.record("cancelled work ran") } }
        try eventually("it is queued") { pool.counters.queued == 1 }
        task.cancel()
        let error = await failure { try await task.value }
        #expect(error?.kind == .cancelled)
        #expect(pool.counters.queued == 0)
        gate.open()
        #expect(await pool.shutdown())
    }

    @Test func workWaitsForADatabaseOnlySoLong() async throws {
        let nowhere = try PostgresConfiguration("postgresql://x@127.0.0.1:1/x")
        let pool = ConnectionPool(nowhere, size: 2, waitLimit: .milliseconds(200), logger: quiet)
        let errors = await withTaskGroup(of: PostgresError?.self) { group in
            for _ in 0..<20 { group.addTask { await failure { try await pool.withConnection { _ in } } } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(errors.count == 20)
        #expect(errors.allSatisfy { $0?.kind == .connection })
        #expect(await pool.shutdown())
    }

    @Test(.servers) func lateWorkExpires() async throws {
        let pool = ConnectionPool(try freshDatabase(), size: 1, waitLimit: .milliseconds(50), logger: quiet)
        try await pool.withConnection { _ in }
        let gate = Gate()
        #expect(pool.submit { _ in gate.pass() })
        #expect(gate.waitForEntered(1))
        let late = Task { await failure { try await pool.withConnection { _ in } } }
        try eventually("it is queued") { pool.counters.queued == 1 }
        let queued = ContinuousClock.now
        try eventually("its time is up") { .now > queued + .milliseconds(50) }
        gate.open()
        #expect(await late.value?.kind == .poolExhausted)
        #expect(pool.counters.refused == 0)
        #expect(await pool.shutdown())
    }

    @Test(.servers) func shutdownFinishesTheQueue() async throws {
        let configuration = try freshDatabase()
        try Connection(configuration, logger: quiet).script("CREATE TABLE t (id int8)")
        let pool = ConnectionPool(configuration, size: 2, logger: quiet)
        for number in 0..<100 {
            #expect(pool.submit { _ = try? $0.get().execute("INSERT INTO t VALUES ($1)", [.int(number)]) })
        }
        #expect(await pool.shutdown(deadline: .seconds(30)))
        #expect(try Connection(configuration, logger: quiet).count("t") == 100)
        #expect(!pool.submit { _ in })
        #expect(await failure { try await pool.withConnection { _ in } }?.kind == .closed)
        #expect(await pool.shutdown())
    }

    @Test(.servers) func shutdownCancelsWhatIsLate() async throws {
        let configuration = try freshDatabase()
        let pool = ConnectionPool(configuration, size: 1, logger: quiet)
        let pid = try await pool.withConnection { $0.processID }
        let sleeper = Task {
            await failure { try await pool.withConnection { _ = try $0.query("SELECT pg_sleep(60)") } }
        }
        let observer = try Connection(configuration, logger: quiet)
        try eventually("it runs") { try observer.isWaiting(pid, "Timeout") }
        let queued = Task { await failure { try await pool.withConnection { _ in } } }
        try eventually("it is queued") { pool.counters.queued == 1 }
        #expect(await pool.shutdown(deadline: .milliseconds(50)))
        #expect(await sleeper.value?.kind == .cancelled)
        #expect(await queued.value?.kind == .closed)
    }

    /// What is between two statements when the first cancel comes is caught by a later one.
    @Test(.servers) func shutdownCancelsTheNextStatementToo() async throws {
        let pool = ConnectionPool(try freshDatabase(), size: 1, logger: quiet)
        let gate = Gate()
        let late = Task {
            await failure {
                try await pool.withConnection { connection in
                    gate.pass()
                    _ = try connection.query("SELECT pg_sleep(60)")
                }
            }
        }
        #expect(gate.waitForEntered(1))
        let queued = Task { await failure { try await pool.withConnection { _ in } } }
        try eventually("it is queued") { pool.counters.queued == 1 }
        async let isDown = pool.shutdown(deadline: .zero)
        #expect(await queued.value?.kind == .closed)
        gate.open()
        #expect(await isDown)
        #expect(await late.value?.kind == .cancelled)
    }

    @Test(.servers) func abandonedPoolEndsItsThreads() async throws {
        let configuration = try freshDatabase()
        var name = configuration
        name.applicationName = "abandoned"
        var pool: ConnectionPool? = ConnectionPool(name, size: 2, logger: quiet)
        try await pool?.withConnection { _ in }
        pool = nil
        let observer = try Connection(configuration, logger: quiet)
        try eventually("its sessions end") {
            try observer.count("pg_stat_activity WHERE application_name = 'abandoned'") == 0
        }
    }
}
