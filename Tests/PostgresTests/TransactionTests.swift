import Postgres
import TestServers
import Testing

@Suite(.blocking, .servers) struct TransactionTests {
    struct Boom: Error {}

    func table() throws -> Connection {
        let connection = try freshConnection()
        try connection.script(
            """
            CREATE TABLE t (id int8 PRIMARY KEY);
            CREATE TABLE d (id int8 CONSTRAINT d_unique UNIQUE DEFERRABLE INITIALLY DEFERRED);
            INSERT INTO d VALUES (1);
            """)
        return connection
    }

    @Test func commitsAndReturns() throws {
        let connection = try table()
        let affected = try connection.transaction { connection in
            try connection.execute("INSERT INTO t VALUES (1), (2)")
        }
        #expect(affected == 2)
        #expect(try connection.count("t") == 2)
    }

    @Test func rollsBackWhenTheBodyThrows() throws {
        let connection = try table()
        #expect(throws: Boom.self) {
            try connection.transaction { connection in
                try connection.execute("INSERT INTO t VALUES (1)")
                throw Boom()
            }
        }
        #expect(throws: Boom.self) { try connection.transaction { _ in throw Boom() } }
        #expect(try connection.count("t") == 0)
        try connection.transaction { _ = try $0.execute("INSERT INTO t VALUES (1)") }
        #expect(try connection.count("t") == 1)
    }

    /// Ends are told once each, in order, and with true only after the server has committed.
    @Test func endsAreTold() throws {
        let connection = try table()
        let other = try Connection(connection.configuration)
        var told: [String] = []
        try connection.transaction { connection in
            try connection.execute("INSERT INTO t VALUES (1)")
            try connection.whenEnded { told.append("a \($0) \((try? other.count("t")) ?? -1)") }
            #expect(throws: Boom.self) {
                try connection.savepoint { connection in
                    try connection.execute("INSERT INTO t VALUES (2)")
                    try connection.whenEnded { told.append("undone part \($0)") }
                    throw Boom()
                }
            }
            try connection.savepoint { try $0.whenEnded { told.append("part \($0)") } }
            try connection.pipeline(committing: true) { $0.query("INSERT INTO t VALUES (3)") }
        }
        #expect(told == ["undone part false", "a true 2", "part true"])
        told = []
        #expect(throws: Boom.self) {
            try connection.transaction { connection in
                try connection.whenEnded { told.append("\($0)") }
                throw Boom()
            }
        }
        // A failed COMMIT.
        _ = failure {
            try connection.transaction { connection in
                try connection.execute("INSERT INTO d VALUES (1)")
                try connection.whenEnded { told.append("\($0)") }
            }
        }
        #expect(told == ["false", "false"])
        try connection.transaction { _ = try $0.execute("INSERT INTO t VALUES (4)") }
        #expect(told.count == 2)
        #expect(failure { try connection.whenEnded { _ in } }?.kind == .misuse)
    }

    @Test func isolationReachesTheServer() throws {
        let connection = try table()
        for level in IsolationLevel.allCases {
            let shown = try connection.transaction(level) {
                try $0.query("SELECT current_setting('transaction_isolation')").one().get(0, as: String.self)
            }
            #expect(shown == level.rawValue.lowercased())
        }
        let error = failure {
            try connection.transaction(readOnly: true) { try $0.execute("INSERT INTO t VALUES (1)") }
        }
        #expect(error?.sqlState?.code == "25006")
    }

    @Test func emptyOneSendsNothing() throws {
        let connection = try table()
        let before = try connection.query("SELECT pg_current_xact_id()::text").one().get(0, as: String.self)
        #expect(try connection.transaction { _ in 7 } == 7)
        let after = try connection.query("SELECT pg_current_xact_id()::text").one().get(0, as: String.self)
        #expect(Int(after).map { $0 - 1 } == Int(before))
    }

    @Test func serializationFailureIsTransient() throws {
        let configuration = try freshDatabase()
        let one = try Connection(configuration, logger: quiet)
        let two = try Connection(configuration, logger: quiet)
        try one.script("CREATE TABLE t (id int8 PRIMARY KEY, n int8); INSERT INTO t VALUES (1, 0)")
        let error = failure {
            try one.transaction(.repeatableRead) { one in
                _ = try one.query("SELECT n FROM t")
                try two.execute("UPDATE t SET n = 1")
                try one.execute("UPDATE t SET n = 2")
            }
        }
        #expect(error?.kind == .server(.serializationFailure))
        #expect(error?.isTransient == true)
        #expect(try one.query("SELECT n FROM t").one().get(0, as: Int.self) == 1)
    }

    @Test func failedCommitThrows() throws {
        let connection = try table()
        let error = failure { try connection.transaction { try $0.execute("INSERT INTO d VALUES (1)") } }
        #expect(error?.kind == .server(.uniqueViolation))
        #expect(error?.constraint == "d_unique")
        #expect(try connection.count("d") == 1)
        try connection.transaction { _ = try $0.execute("INSERT INTO d VALUES (2)") }
    }

    /// Alone, prepared and unprepared, and in a pipeline the deferred check runs in the implicit commit.
    @Test func failedImplicitCommitThrows() throws {
        let connection = try table()
        for _ in 0..<3 {
            let error = failure { try connection.execute("INSERT INTO d VALUES (1)") }
            #expect(error?.kind == .server(.uniqueViolation))
        }
        let piped = failure {
            try connection.pipeline {
                $0.query("INSERT INTO d VALUES (3)")
                $0.query("INSERT INTO d VALUES (1)")
            }
        }
        #expect(piped?.kind == .server(.uniqueViolation))
        #expect(try connection.count("d") == 1)
        #expect(connection.isUsable)
    }

    @Test func swallowedErrorIsNotACommit() throws {
        let connection = try table()
        let error = failure {
            try connection.transaction { connection in
                try connection.execute("INSERT INTO t VALUES (1)")
                _ = try? connection.execute("INSERT INTO t VALUES (1)")
            }
        }
        #expect(error?.kind == .transactionAborted)
        #expect(try connection.count("t") == 0)
    }

    @Test func nestingIsRefused() throws {
        let connection = try table()
        let error = failure {
            try connection.transaction { connection in
                try connection.execute("INSERT INTO t VALUES (1)")
                try connection.transaction { _ = try $0.execute("INSERT INTO t VALUES (2)") }
            }
        }
        #expect(error?.kind == .misuse)
        #expect(try connection.count("t") == 0)
        #expect(failure { try connection.savepoint { _ in } }?.kind == .misuse)
    }

    @Test func endingItByHandIsNoticed() throws {
        let connection = try table()
        let error = failure {
            try connection.transaction { connection in
                try connection.script("INSERT INTO t VALUES (1); ROLLBACK")
                // Would commit by itself.
                try connection.execute("INSERT INTO t VALUES (2)")
            }
        }
        #expect(error?.kind == .misuse)
        #expect(try connection.count("t") == 0)
    }

    @Test func savepointsUndoTheirPart() throws {
        let connection = try table()
        try connection.transaction { connection in
            try connection.execute("INSERT INTO t VALUES (1)")
            let inner = failure {
                try connection.savepoint { connection in
                    try connection.execute("INSERT INTO t VALUES (2)")
                    try connection.execute("INSERT INTO t VALUES (1)")
                }
            }
            #expect(inner?.kind == .server(.uniqueViolation))
            try connection.savepoint { connection in
                try connection.execute("INSERT INTO t VALUES (3)")
                #expect(throws: Boom.self) {
                    try connection.savepoint { connection in
                        try connection.execute("INSERT INTO t VALUES (4)")
                        throw Boom()
                    }
                }
                try connection.execute("INSERT INTO t VALUES (5)")
            }
            #expect(throws: Boom.self) { try connection.savepoint { _ in throw Boom() } }
            try connection.savepoint { _ in }
            try connection.savepoint { _ = try $0.execute("INSERT INTO t VALUES (6)") }
        }
        #expect(
            try connection.query("SELECT array_agg(id ORDER BY id) FROM t").one().get(0, as: [Int].self) == [
                1, 3, 5, 6,
            ])
    }

    @Test func savepointAsTheFirstThing() throws {
        let connection = try table()
        try connection.transaction { connection in
            _ = failure { try connection.savepoint { try $0.execute("INSERT INTO missing VALUES (1)") } }
            try connection.execute("INSERT INTO t VALUES (1)")
        }
        #expect(try connection.count("t") == 1)
    }

    @Test func statementTimeoutInsideIsLocal() throws {
        let connection = try table()
        func shown() throws -> String {
            try connection.query("SELECT current_setting('statement_timeout')").one().get(0)
        }
        let normal = try shown()
        let seen = try connection.transaction { connection in
            [try connection.withStatementTimeout(.seconds(77)) { _ in try shown() }, try shown()]
        }
        #expect(seen == ["77s", normal])
        #expect(try connection.withStatementTimeout(.seconds(78)) { _ in try shown() } == "78s")
        #expect(try shown() == normal)
        _ = failure {
            try connection.transaction { try $0.withStatementTimeout(.seconds(79)) { try $0.query("SELECT 1/0") } }
        }
        #expect(try shown() == normal)
    }
}
