import Execution
import Postgres
import TestServers
import Testing

@testable import Messaging

/// How instances lie in their table, and how those of the version before came there.
@Suite(.blocking, .servers) struct SagaRowsTests {
    private static let booked = ["TripWanted", "HotelBooked", "FlightBooked", "TransferBooked", "VisaGranted"]

    /// What the version before wrote: rows without a log, and lines in a table.
    @Test func instancesUnderWayComeOver() throws {
        let old = try SagaDatabase(isUpToDate: false)
        let connection = try old.connect()
        try SagaDefinitions.record(TripSaga.definition, on: connection)
        let now = Int(WallClock.nowMicroseconds() / 1_000_000)
        for (id, facts) in [
            "running": ["TripWanted", "HotelBooked"], "late": ["TripWanted"], "ended": Self.booked + ["TicketsIssued"],
        ] {
            var trip = Trip()
            trip.seconds = now
            for fact in facts { try trip.hear(fact, "{}") }
            try writeAsBefore(trip, id: id, on: connection)
        }
        try connection.script(SagaSchema.rows)
        func shown(_ id: String) throws -> SagaOperator.Shown {
            try #require(try old.sagaOperator.showWhole(SagaKey(tenant: "default", id: id), on: connection))
        }
        // One in the middle of its steps goes on to its end, with all of its history in one order.
        #expect(try shown("running").log.map(\.event.rawValue) == Self.halfway)
        #expect(try SagaCheck(old.orchestrator).run(on: connection) { _ in }.differing == 0)
        #expect(
            try old.handle(
                [fact("FlightBooked", "running"), fact("TransferBooked", "running"), fact("VisaGranted", "running")],
                on: connection
            ).map(\.type) == ["BookTransfer", "IssueTickets"])
        #expect(try SagaCheck(old.orchestrator).run(on: connection) { _ in }.differing == 0)
        try old.handle([fact("TicketsIssued", "running")], on: connection)
        let end = try shown("running")
        #expect(end.saga.instance.status == .completed)
        #expect(end.log.first?.event == .started && end.log.last?.event == .completed)
        #expect(end.log.count > 8)
        // A page ends and begins on either side of where the two parts meet.
        for limit in 1...5 {
            var log: [SagaLogEntry] = []
            var place: Int64? = 0
            while let after = place {
                let part = try #require(
                    try old.sagaOperator.show(end.saga.key, logAfter: after, limit: limit, on: connection))
                log += part.log
                place = part.nextLog
            }
            #expect(log == end.log, "limit \(limit)")
        }
        // One that is late is found by the clock, one that has ended is left alone.
        #expect(try old.worker.round(at: WallClock.nowMicroseconds() + 200_000_000, on: connection) == 1)
        #expect(try shown("late").saga.instance.status == .compensating)
        let ended = try shown("ended").saga.instance
        #expect(ended.status == .completed && ended.start.isEmpty)
    }

    private static let halfway = ["started", "requested", "requested", "requested", "succeeded"]

    private func writeAsBefore(_ trip: Trip, id: String, on connection: Connection) throws {
        let instance = trip.instance
        let time = Timestamp(microseconds: instance.startedAt ?? 0)
        try connection.execute(
            """
            INSERT INTO saga_instances (saga, tenant, id, status, version, due_at, correlation_id, start, state,
                                        created_at, started_at, ended_at, definition, led_by)
            VALUES ('trip', 'default', $1, $2, $3, $4, 'c', $5, $6, $7, $7, $8, $9, $9)
            """,
            [
                .text(id), .text(instance.status.rawValue), .int(instance.version),
                .timestamp(instance.nextDeadline.map { Timestamp(microseconds: $0) }), .json(instance.start),
                .json(instance.stateJSON()), .timestamp(time),
                .timestamp(instance.endedAt.map { Timestamp(microseconds: $0) }),
                .text(TripSaga.definition.fingerprint),
            ])
        let key = SagaKey(tenant: "default", id: id)
        _ = try connection.pipeline { pipeline in
            SagaLog.append(
                zip(trip.log, trip.versions).map { SagaLog.Line(key: key, version: $1, entry: $0) }, saga: "trip",
                in: &pipeline)
        }
    }

    /// Lines that a program of the version before adds to the table stand where they belong.
    @Test func bothVersionsMayLeadAnInstance() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        let key = SagaKey(tenant: "default", id: "a")
        for type in Self.booked { try database.handle([fact(type, "a")], on: connection) }
        let whole = try #require(try database.sagaOperator.show(key, on: connection))
        // As if the fourth transition had been made by the other one.
        let lines = try whole.saga.log.lines()
        var log = SagaRowLog()
        for version in Set(lines.map(\.version)).sorted() where version != 4 {
            let entries = lines.filter { $0.version == version }.compactMap(\.entry)
            let first = try #require(entries.first)
            log.add(entries, cause: first.cause, at: first.at, version: version, heard: nil)
        }
        let other = lines.filter { $0.version == 4 }.compactMap(\.entry)
        #expect(!other.isEmpty)
        _ = try connection.pipeline {
            SagaLog.append(
                other.map { SagaLog.Line(key: key, version: 4, entry: $0) }, saga: TripSaga.definition.name, in: &$0)
        }
        try connection.execute("UPDATE saga_instances SET log = $1", [.bytes(log.bytes)])
        for limit in 1...4 {
            var log: [SagaLogEntry] = []
            var place: Int64? = 0
            while let after = place {
                let part = try #require(
                    try database.sagaOperator.show(key, logAfter: after, limit: limit, on: connection))
                log += part.log
                place = part.nextLog
            }
            #expect(log == whole.log, "limit \(limit)")
        }
        try SagaDefinitions.record(TripSaga.definition, on: connection)
        #expect(try SagaCheck(database.orchestrator).run(on: connection) { _ in } == .init(open: 1))
    }

    /// What has no room in the row moves to the table, and is read from there.
    @Test func aLongHistoryIsWhole() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        let key = SagaKey(tenant: "default", id: "a")
        try database.handle(
            [fact("TripWanted", "a"), fact("HotelBooked", "a"), fact("FlightFull", "a")], on: connection)
        for round in 0..<150 { _ = try database.sagaOperator.retry(key, note: "\(round)", by: .ann, on: connection) }
        let shown = try #require(try database.sagaOperator.showWhole(key, on: connection))
        #expect(shown.log.compactMap { $0.event == .retried ? $0.detail : nil } == (0..<150).map { "\($0)" })
        #expect(shown.log.first?.event == .started)
        #expect(shown.saga.log.bytes.count <= SagaRowLog.limit)
        let moved = try connection.query("SELECT count(*) FROM saga_log").one().get(0, as: Int.self)
        #expect(moved > 100 && moved < shown.log.count)
        try SagaDefinitions.record(TripSaga.definition, on: connection)
        #expect(try SagaCheck(database.orchestrator).run(on: connection) { _ in } == .init(open: 1))
    }

    /// The steps of an order that goes well are in no index: only the first and the last write are.
    @Test func theUsualStepsAreRewrittenInPlace() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        for batch in 0..<20 {
            for type in Self.booked + ["TicketsIssued"] {
                try database.handle((0..<10).map { fact(type, "t\(batch)-\($0)") }, on: connection)
            }
        }
        connection.close()
        let other = try database.connect()
        func updates() throws -> (all: Int, hot: Int) {
            let row = try other.query(
                "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'saga_instances'"
            ).one()
            return (try row.get(0), try row.get(1))
        }
        // Statistics come some time after the session has ended.
        try eventually("all are counted") { try updates().all == 1_000 }
        #expect(try updates().hot >= 700)
        #expect(try other.query("SELECT count(*) FROM saga_log").one().get(0, as: Int.self) == 0)
    }

    /// The clock looks when the first deadline comes, and again when the next one does.
    @Test func aDeadlineThatMovedIsLookedAtLater() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        try database.handle([fact("TripWanted", "a")], on: connection)
        let first = try #require(try database.show("a", on: connection)?.nextDeadline)
        try database.handle([fact("HotelBooked", "a"), fact("FlightBooked", "a")], on: connection)
        let next = try #require(try database.show("a", on: connection)?.nextDeadline)
        #expect(next > first)
        let before = try database.show("a", on: connection)
        #expect(try database.worker.round(at: first, on: connection) == 1)
        #expect(try database.show("a", on: connection) == before)
        #expect(try database.worker.round(at: next - 1, on: connection) == 0)
        #expect(try database.worker.round(at: next, on: connection) == 1)
        #expect(try database.show("a", on: connection)?.reason == "transfer took too long")
    }
}
