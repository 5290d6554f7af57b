import Postgres
import TestServers
import Testing

@Suite(.blocking, .servers) struct PipelineTests {
    func table() throws -> Connection {
        let connection = try freshConnection()
        try connection.script("CREATE TABLE t (id int8 PRIMARY KEY)")
        return connection
    }

    @Test func resultsInOrder() throws {
        let connection = try table()
        for _ in 0..<3 {
            let results = try connection.pipeline { pipeline in
                for number in 0..<500 { pipeline.query("SELECT $1 + 1", [.int(number)]) }
                pipeline.query("SELECT 'other'")
            }
            #expect(results.count == 501)
            #expect(try results.prefix(500).map { try $0.one().get(0, as: Int.self) } == Array(1...500))
        }
        #expect(connection.preparedStatements == 2)
        #expect(try connection.pipeline { _ in }.isEmpty)
    }

    /// More than both socket buffers hold, in both directions.
    @Test func largeOnesDontStall() throws {
        let connection = try table()
        let big = String(repeating: "x", count: 300_000)
        let results = try connection.pipeline { pipeline in
            for _ in 0..<50 { pipeline.query("SELECT $1::text", [.text(big)]) }
        }
        #expect(try results.allSatisfy { try $0.one().withBytes(0) { $0.count } == big.utf8.count })
    }

    @Test func isOneTransaction() throws {
        let connection = try table()
        let error = failure {
            try connection.pipeline { pipeline in
                pipeline.query("INSERT INTO t VALUES (1)")
                pipeline.query("INSERT INTO t VALUES (1)")
                pipeline.query("INSERT INTO t VALUES (2)")
            }
        }
        #expect(error?.kind == .server(.uniqueViolation))
        #expect(error?.sql == "INSERT INTO t VALUES (1)")
        #expect(try connection.count("t") == 0)
        #expect(try connection.pipeline { $0.query("INSERT INTO t VALUES (1)") }[0].affected == 1)
        #expect(try connection.count("t") == 1)
    }

    @Test func parseErrorInTheMiddle() throws {
        let connection = try table()
        for _ in 0..<2 {
            let error = failure {
                try connection.pipeline { pipeline in
                    pipeline.query("SELECT 1")
                    pipeline.query("SELEKT 2")
                    pipeline.query("SELECT 3")
                    pipeline.query("SELEKT 2")
                }
            }
            #expect(error?.kind == .server(.syntaxError))
        }
        #expect(try connection.query("SELECT 3").one().get(0, as: Int.self) == 3)
        #expect(try connection.query("SELECT 1").one().get(0, as: Int.self) == 1)
    }

    @Test func badParameterSendsNothing() throws {
        let connection = try table()
        let error = failure {
            try connection.pipeline { pipeline in
                pipeline.query("INSERT INTO t VALUES (1)")
                pipeline.query("SELECT $1", [.uuid("no")])
            }
        }
        #expect(error?.kind == .decoding)
        #expect(try connection.count("t") == 0)
    }

    @Test func committing() throws {
        let connection = try table()
        let rows = try connection.transaction(.serializable) { connection in
            let next = try connection.query("SELECT coalesce(max(id), 0) + 1 FROM t").one().get(0, as: Int64.self)
            return try connection.pipeline(committing: true) {
                $0.query("INSERT INTO t VALUES ($1) RETURNING id", [.int8(next)])
            }
        }
        #expect(try rows[0].one().get(0, as: Int.self) == 1)
        #expect(try connection.count("t") == 1)
    }

    @Test func committingRefusesMore() throws {
        let connection = try table()
        let error = failure {
            try connection.transaction { connection in
                try connection.pipeline(committing: true) { $0.query("INSERT INTO t VALUES (1)") }
                try connection.execute("INSERT INTO t VALUES (2)")
            }
        }
        #expect(error?.kind == .misuse)
        // What was committed stays.
        #expect(try connection.count("t") == 1)
        #expect(failure { try connection.pipeline(committing: true) { $0.query("SELECT 1") } }?.kind == .misuse)
    }

    @Test func committingFails() throws {
        let connection = try table()
        try connection.script("CREATE TABLE d (id int8 UNIQUE DEFERRABLE INITIALLY DEFERRED); INSERT INTO d VALUES (1)")
        for sql in ["INSERT INTO d VALUES (1)", "INSERT INTO d VALUES (1/0)"] {
            let thrown = failure {
                try connection.transaction { try $0.pipeline(committing: true) { $0.query(sql) } }
            }
            #expect(thrown?.sqlState == (sql.contains("/") ? .divisionByZero : .uniqueViolation))
            let swallowed = failure {
                try connection.transaction { connection in
                    _ = try? connection.pipeline(committing: true) { $0.query(sql) }
                }
            }
            #expect(swallowed?.kind == .transactionAborted)
            let continued = failure {
                try connection.transaction { connection in
                    _ = try? connection.pipeline(committing: true) { $0.query(sql) }
                    try connection.execute("INSERT INTO t VALUES (1)")
                }
            }
            #expect(continued?.kind == .misuse)
        }
        #expect(try connection.count("t") == 0)
        #expect(try connection.count("d") == 1)
    }
}
