import Execution
import Postgres
import TestServers
import Testing

@testable import Messaging

/// Who keeps the database from cleaning up, as a role that is nobody's monitor learns it.
@Suite(.blocking, .servers) struct LongTransactionsTests {
    private let minutes: Int64 = 60_000_000

    @Test func everyRoleLearnsWhoItIs() throws {
        // Of its own: on a shared one others are older.
        let server = try PostgresServer.start()
        defer { server.stop() }
        let database = try PostgresConfiguration(try server.createDatabase())
        let administrator = try Connection(database, logger: quiet)
        try administrator.script("CREATE ROLE plain LOGIN PASSWORD '\(PostgresServer.password)'")
        let plain = try Connection(database.with(user: "plain"), logger: quiet)
        #expect(try OpenTransaction.oldest(.holdingRowsHere, on: plain) == nil)
        #expect(try OpenTransaction.oldest(.writingAnywhere, on: plain) == nil)
        let elsewhere = try Connection(PostgresConfiguration(server.url()), logger: quiet)
        try elsewhere.script("BEGIN; SELECT pg_current_xact_id()")
        #expect(try OpenTransaction.oldest(.holdingRowsHere, on: plain) == nil, "rows of another database")
        let writing = try #require(try OpenTransaction.oldest(.writingAnywhere, on: plain))
        #expect(writing.process == elsewhere.processID && writing.database == "postgres")
        // One that only reads keeps rows too, and no log.
        let reader = try Connection(database, logger: quiet)
        try reader.script("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM pg_class LIMIT 1")
        let holding = try #require(try OpenTransaction.oldest(.holdingRowsHere, on: plain))
        #expect(holding.process == reader.processID && holding.database == database.database)
        #expect(try OpenTransaction.oldest(.writingAnywhere, on: plain)?.process == elsewhere.processID)

        var watch = LongTransactions(readsLog: true)
        #expect(try watch.look(on: plain, at: WallClock.nowMicroseconds()).isEmpty)
        let found = try watch.look(on: plain, at: WallClock.nowMicroseconds() + 7 * minutes)
        #expect(found.map(\.transaction.process) == [reader.processID, elsewhere.processID])
        #expect(found.allSatisfy { $0.age >= 6 * minutes })
        let said = found.map(\.description).joined()
        #expect(said.contains("process \(reader.processID) in database \(database.database ?? "")"))
        for session in [reader, elsewhere] { try session.script("ROLLBACK") }
        #expect(try watch.look(on: plain, at: WallClock.nowMicroseconds() + 8 * minutes).isEmpty)
    }

    /// Short ones that follow each other on one session are no long one, and a time that is told counts.
    @Test func agesAreThoseOfOneTransaction() {
        func transaction(_ identity: String, begun: Int64? = nil) -> OpenTransaction {
            OpenTransaction(database: "d", process: 1, identity: identity, begun: begun)
        }
        var watch = LongTransactions(readsLog: false)
        for minute in Int64(0)..<20 {
            #expect(watch.note(transaction("\(minute)"), holding: .holdingRowsHere, at: minute * minutes) == nil)
        }
        #expect(watch.note(transaction("19"), holding: .holdingRowsHere, at: 30 * minutes)?.age == 11 * minutes)
        #expect(watch.note(nil, holding: .holdingRowsHere, at: 31 * minutes) == nil)
        #expect(watch.note(transaction("19"), holding: .holdingRowsHere, at: 32 * minutes) == nil)
        let told = watch.note(transaction("x", begun: 2 * minutes), holding: .holdingRowsHere, at: 40 * minutes)
        #expect(told?.age == 38 * minutes)
    }
}
