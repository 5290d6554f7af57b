import Postgres
import TestServers
import Testing

@testable import Messaging

/// Each act of an operator leaves its record, in the act's own transaction; what is refused leaves none.
@Suite(.blocking, .servers) struct AuditedActsTests {
    private func records(on connection: Connection) throws -> [AuditRecord] {
        #expect(try AuditChain.flaws(on: connection).isEmpty)
        return try AuditLog.page(limit: 1_000, on: connection)
    }

    @Test func decisionsOnDeadLetters() throws {
        let box = try LetterBox()
        try box.fill(["a", "b"], behind: 1)
        let ids = try box.connection.query("SELECT id FROM dead_letters WHERE status = 'dead' ORDER BY key").map {
            try $0.get(0, as: Int64.self)
        }
        try DeadLetterQueue.decide(.retry, ids[0], .init(by: .bob, note: "mended"), on: box.connection)
        try DeadLetterQueue.decide(.discard, ids[1], .init(by: .mo, note: "none of ours"), on: box.connection)
        let refused = try box.connection.query("SELECT max(id) FROM dead_letters").one().get(0, as: Int64.self)
        #expect(throws: DeadLetterQueue.Refusal.self) {
            try DeadLetterQueue.decide(.discard, refused + 1, .init(by: .mo, note: ""), on: box.connection)
        }
        #expect(throws: DeadLetterQueue.Refusal.self) {
            try DeadLetterQueue.decide(.retry, ids[1], .init(by: .mo, note: ""), on: box.connection)
        }
        let records = try records(on: box.connection)
        #expect(records.map(\.act) == ["deadletters.retry", "deadletters.discard"])
        #expect(records.map(\.object) == ["group", "group"] && records.map(\.reason) == ["mended", "none of ours"])
        #expect(records.map(\.detail) == ids.map { "{\"letters\":[\($0)]}" })
        #expect(records.map(\.actor) == ["root", "mo"] && records.map(\.alias) == ["bob", nil])
        // The letter's own history has the name that was given.
        #expect(try DeadLetterQueue.show(ids[0], on: box.connection).decision?.by == "bob")
    }

    @Test func aSweepHasEveryLetterInItsRecords() throws {
        let box = try LetterBox()
        try box.fill((0..<1_200).map { "k\($0)" }, behind: 0)
        var sweep = try DeadLetterQueue.Sweep(.discard, .init(), .init(by: .mo, note: "all"), on: box.connection)
        var done: [Int64] = []
        while let ids = try sweep.next(on: box.connection) { done += ids }
        let records = try records(on: box.connection)
        #expect(done.count == 1_200 && records.count > 1 && records.count < 10)
        let listed = try box.connection.query(
            "SELECT json_array_elements_text(detail::json -> 'letters')::bigint AS id FROM audit ORDER BY id"
        ).map { try $0.get(0, as: Int64.self) }
        #expect(listed == done.sorted())
    }

    @Test func whatAnOperatorDoesToASaga() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        let key = SagaKey(tenant: "default", id: "a")
        try database.handle(
            [fact("TripWanted", "a"), fact("HotelBooked", "a"), fact("FlightFull", "a")], on: connection)
        let nobody = SagaKey(tenant: "default", id: "b")
        #expect(try database.sagaOperator.retry(nobody, note: "", by: .ann, on: connection) == nil)
        #expect(throws: SagaRefusal.self) {
            try database.sagaOperator.resolve(key, step: "flight", note: "", by: .ann, on: connection)
        }
        #expect(try records(on: connection).isEmpty)
        _ = try database.sagaOperator.retry(key, note: "again", by: .ann, on: connection)
        _ = try database.sagaOperator.resolve(key, step: "hotel", note: "by phone", by: .bob, on: connection)
        let records = try records(on: connection)
        #expect(records.map(\.act) == ["sagas.retry", "sagas.resolve"])
        #expect(records.map(\.object) == ["a", "a"] && records.map(\.tenant) == ["default", "default"])
        #expect(records.map(\.reason) == ["again", "by phone"])
        #expect(records.map(\.detail) == [nil, #"{"step":"hotel"}"#])
        #expect(records.map(\.actorKind) == ["token", "os"])
    }

    /// The act and its record are one: a log that can't be written to stops the act.
    @Test func noActWithoutItsRecord() throws {
        let box = try LetterBox()
        try box.fill(["a"], behind: 0)
        try box.connection.script("DROP TABLE audit CASCADE")
        let id = try box.connection.query("SELECT id FROM dead_letters").one().get(0, as: Int64.self)
        #expect(throws: PostgresError.self) {
            try DeadLetterQueue.decide(.discard, id, .init(by: .mo, note: ""), on: box.connection)
        }
        #expect(try box.statuses("a") == ["dead"])
    }
}
