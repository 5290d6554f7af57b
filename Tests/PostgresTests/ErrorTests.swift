import Execution
import Postgres
import TestServers
import Testing

@Suite(.blocking, .servers) struct ErrorTests {
    @Test func constraintViolationsSayWhich() throws {
        let connection = try freshConnection()
        try connection.script(
            """
            CREATE TABLE parents (id int8 CONSTRAINT parents_key PRIMARY KEY);
            CREATE TABLE children (
                id int8 CONSTRAINT children_key PRIMARY KEY,
                parent int8 CONSTRAINT children_parent REFERENCES parents,
                quantity int4 CONSTRAINT quantity_positive CHECK (quantity > 0),
                name text NOT NULL DEFAULT 'x'
            );
            INSERT INTO parents VALUES (1); INSERT INTO children VALUES (1, 1, 1);
            """)
        let cases: [(String, SQLState, String?)] = [
            ("INSERT INTO children VALUES (1, 1, 1)", .uniqueViolation, "children_key"),
            ("INSERT INTO children VALUES (2, 9, 1)", .foreignKeyViolation, "children_parent"),
            ("INSERT INTO children VALUES (2, 1, 0)", .checkViolation, "quantity_positive"),
            ("INSERT INTO children VALUES (2, 1, 1, NULL)", .notNullViolation, nil),
        ]
        for (sql, state, constraint) in cases {
            let error = failure { try connection.execute(sql) }
            #expect(error?.kind == .server(state))
            #expect(error?.sqlState == state)
            #expect(error?.constraint == constraint)
            #expect(error?.violates(state, constraint: constraint) == true)
            #expect(error?.violates(.deadlockDetected) == false)
            #expect(error?.isTransient == false)
            #expect(error?.isConnectionLost == false)
            #expect(error?.table == "children")
            #expect(error?.sql == sql)
        }
        #expect(failure { try connection.execute("INSERT INTO children VALUES (2, 1, 1, NULL)") }?.column == "name")
        #expect(try connection.count("children") == 1)
    }

    @Test func syntaxErrorsSayWhere() throws {
        let connection = try freshConnection()
        let error = failure { try connection.query("SELECT 1 FORM x") }
        #expect(error?.kind == .server(.syntaxError))
        #expect(error?.position == 15)
        #expect(
            error.map { "\($0)".contains("at character 15 of: SELECT 1 FORM x") } == true,
            "\(String(describing: error))")
        let hinted = failure { try connection.query("SELECT datname FROM pg_database WHERE datnam = 'x'") }
        #expect(hinted?.hint?.contains("datname") == true)
    }

    @Test func longSQLIsCut() throws {
        let connection = try freshConnection()
        let error = failure { try connection.query("SELECT x /* \(String(repeating: "long ", count: 1000)) */") }
        #expect((400...600).contains(error?.sql?.count ?? 0))
    }

    @Test func parameterValuesStayOut() throws {
        let connection = try freshConnection()
        let error = failure { try connection.query("SELECT 1 / $1::int4", [.int4(0)]) }
        #expect(error?.kind == .server(.divisionByZero))
        let wrong = failure { try connection.query("SELECT $1", [.uuid("secret-value")]) }
        #expect(wrong.map { !"\($0)".contains("secret") } == true)
    }

    @Test func deadlocksAreTransient() throws {
        let configuration = try freshDatabase()
        let connection = try Connection(configuration, logger: quiet)
        try connection.script("CREATE TABLE t (id int8 PRIMARY KEY, n int8); INSERT INTO t VALUES (1, 0), (2, 0)")
        let pid = connection.processID
        let holdsSecond = Monitor(false)
        let other = Companion { () -> PostgresError? in
            let other = try Connection(configuration, logger: quiet)
            let observer = try Connection(configuration, logger: quiet)
            return failure {
                try other.transaction { other in
                    try other.execute("UPDATE t SET n = 1 WHERE id = 2")
                    holdsSecond.update { $0 = true }
                    // Only when the first one waits for this transaction does the circle close.
                    try eventually("the first waits") { try observer.isWaiting(pid, "Lock") }
                    try other.execute("UPDATE t SET n = 1 WHERE id = 1")
                }
            }
        }
        #expect(holdsSecond.wait(for: .seconds(20)) { $0 ? true : nil } == true)
        let mine = failure {
            try connection.transaction { connection in
                try connection.execute("UPDATE t SET n = 1 WHERE id = 1")
                try connection.execute("UPDATE t SET n = 1 WHERE id = 2")
            }
        }
        let errors = [mine, try other.value()].compactMap(\.self)
        #expect(errors.count == 1)
        #expect(errors.first?.kind == .server(.deadlockDetected))
        #expect(errors.first?.isTransient == true)
    }

    @Test func refusedConnectionsSayWhy() throws {
        let configuration = try freshDatabase()
        let missing = failure { try Connection(configuration.with(database: "no_such_database"), logger: quiet) }
        #expect(missing?.kind == .connection)
        #expect(missing?.sqlState == .undefinedDatabase)
        #expect(missing?.isTransient == false)
        #expect(missing?.message.contains("LOCATION") == false, "\(String(describing: missing))")
        #expect(missing?.message.contains("3D000") == false, "\(String(describing: missing))")
        let role = failure { try Connection(configuration.with(user: "no_such_role"), logger: quiet) }
        #expect(role?.sqlState?.errorClass == "28")
        let nobody = failure {
            try Connection(PostgresConfiguration("postgresql://x@127.0.0.1:1/x"), logger: quiet)
        }
        #expect(nobody?.kind == .connection)
        #expect(nobody?.isTransient == true)
    }
}
