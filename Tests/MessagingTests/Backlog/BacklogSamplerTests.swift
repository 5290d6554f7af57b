import Execution
import Postgres
import TestServers
import Testing

@testable import Messaging

/// At rest nobody asks.
@Suite(.servers) struct BacklogSamplerTests {
    private let connection: Connection
    private let database: PostgresConfiguration

    init() throws {
        database = try PostgresConfiguration(try PostgresServer.shared.get().createDatabase())
        connection = try Connection(database, logger: quiet)
        try connection.script("CREATE SEQUENCE asked; CREATE TABLE things (id int)")
    }

    private func asked() throws -> Int {
        try connection.query("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM asked").one().get(0)
    }

    private func sampling(_ writes: WriteMark, _ body: () throws -> Void) throws {
        // Counts itself, which is a write that the mark isn't told of.
        let query = BacklogQuery(
            "orderflow_test_things",
            sql: "SELECT count(*)::float8 FROM things WHERE (SELECT nextval('asked')) > 0 HAVING nextval('asked') > 0")
        let sampler = BacklogSampler(
            [query], database: database, writes: writes, interval: .milliseconds(50), logger: quiet)
        let stop = StopSignal()
        let thread = Companion { sampler.run(until: stop) }
        let result = Result { try body() }
        stop.stop()
        try thread.value()
        try result.get()
    }

    @Test(.waiting) func whatIsEmptyIsAskedAgainOnceSomethingIsWritten() throws {
        let writes = WriteMark()
        writes.note("0/1")
        try sampling(writes) {
            try eventually("it was asked once") { try asked() > 0 }
            let before = try asked()
            _ = StopSignal().wait(for: .seconds(1))
            writes.note("0/1")
            #expect(try asked() == before, "nothing was written")
            writes.note("0/2")
            try eventually("it is asked again") { try asked() > before }
        }
    }

    /// How long something has waited is news without a write.
    @Test func whatWaitsIsAskedForAgainAndAgain() throws {
        try connection.script("INSERT INTO things VALUES (1)")
        let writes = WriteMark()
        writes.note("0/1")
        try sampling(writes) {
            try eventually("it was asked once") { try asked() > 0 }
            let before = try asked()
            try eventually("it is asked again") { try asked() > before }
        }
    }

    /// Where the server doesn't say where its log ends, as a standby.
    @Test func whatIsNotKnownToBeAtRestIsNot() throws {
        let writes = WriteMark()
        writes.note(nil)
        try sampling(writes) {
            try eventually("it was asked once") { try asked() > 0 }
            let before = try asked()
            writes.note(nil)
            try eventually("it is asked again") { try asked() > before }
        }
    }

    @Test func thePulseSaysWhatIsWritten() throws {
        let pulse = DatabasePulse(database, name: "test", logger: quiet)
        let stop = StopSignal()
        let thread = Companion { try pulse.run(until: stop) }
        try eventually("it is well") { pulse.problem == nil }
        let before = pulse.writes.moves
        try connection.script("INSERT INTO things VALUES (1)")
        try eventually("it has moved") { pulse.writes.moves > before }
        stop.stop()
        try thread.value()
    }
}
