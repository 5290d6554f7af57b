import Postgres
import TestServers
import Testing

@Suite(.blocking, .servers) struct StatementCacheTests {
    func onServer(_ connection: Connection) throws -> Int { try connection.count("pg_prepared_statements") }

    @Test func preparesOnce() throws {
        let connection = try freshConnection()
        for number in 0..<10 {
            #expect(
                try connection.query("SELECT $1::int8 * 2", [.int(number)]).one().get(0, as: Int.self) == number * 2)
        }
        #expect(connection.preparedStatements == 1)
        #expect(try onServer(connection) == 2)
    }

    @Test func keepsTheRecentlyUsed() throws {
        var configuration = try freshDatabase()
        configuration.statementCacheLimit = 5
        let connection = try Connection(configuration, logger: quiet)
        for number in 0..<40 {
            _ = try connection.query("SELECT \(number)")
            #expect(try connection.query("SELECT 'often used'").count == 1)
        }
        #expect(connection.preparedStatements == 5)
        // One more may wait to be deallocated with the next one prepared.
        #expect(try onServer(connection) <= 6)
        let kept = try connection.query(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT ''often used'''")
        #expect(try kept.one().get(0, as: Int.self) == 1)
    }

    @Test func typesOfParametersAreTellingApart() throws {
        let connection = try freshConnection()
        let sql = "SELECT $1::text"
        #expect(try connection.query(sql, [.null]).one().get(0, as: String?.self) == nil)
        #expect(try connection.query(sql, [.int8(5)]).one().get(0, as: String.self) == "5")
        #expect(try connection.query(sql, [.text("x")]).one().get(0, as: String.self) == "x")
        #expect(try connection.query(sql, [.bool(true)]).one().get(0, as: String.self) == "true")
        #expect(try connection.query(sql, [.null]).one().get(0, as: String?.self) == nil)
        #expect(try connection.query(sql, [.int8(6)]).one().get(0, as: String.self) == "6")
    }

    @Test func surviveAChangedTable() throws {
        let connection = try freshConnection()
        try connection.script("CREATE TABLE t (id int8); INSERT INTO t VALUES (1)")
        let read = { try connection.query("SELECT * FROM t").one() }
        #expect(try read().columnCount == 1)
        try connection.script("ALTER TABLE t ADD COLUMN name text")
        #expect(try read().columnCount == 2)
        try connection.script("ALTER TABLE t ADD COLUMN more text")
        let piped = try connection.pipeline {
            $0.query("INSERT INTO t VALUES (2)")
            $0.query("SELECT * FROM t ORDER BY 1")
        }
        #expect(piped[1].count == 2 && piped[1][0].columnCount == 3)
        try connection.script("ALTER TABLE t DROP COLUMN more")
        // As the first statement of a transaction nothing is lost by beginning again.
        #expect(try connection.transaction { try $0.query("SELECT * FROM t ORDER BY 1")[0].columnCount } == 2)
        try connection.script("ALTER TABLE t DROP COLUMN name")
        let error = failure {
            try connection.transaction { connection in
                try connection.execute("INSERT INTO t VALUES (3)")
                _ = try connection.query("SELECT * FROM t ORDER BY 1")
            }
        }
        #expect(error?.isStalePlan == true)
        #expect(error?.isTransient == true)
        #expect(try connection.count("t") == 2)
        #expect(try connection.query("SELECT * FROM t ORDER BY 1")[0].columnCount == 1)
    }

    @Test func surviveDeallocation() throws {
        let connection = try freshConnection()
        for discard in ["DEALLOCATE ALL", "DISCARD ALL"] {
            #expect(try connection.query("SELECT 1").count == 1)
            #expect(try connection.query("SELECT 2").count == 1)
            try connection.script(discard)
            #expect(try connection.query("SELECT 1").count == 1)
            #expect(
                try connection.pipeline {
                    $0.query("SELECT 1"); $0.query("SELECT 2")
                }.count == 2)
        }
    }
}
