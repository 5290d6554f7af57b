import Execution
import Postgres
import Randomness
import TestServers
import Testing

@testable import Messaging

/// Messages that wait for their time: each is delivered once or cancelled, and of one key in the order of their times.
@Suite(.blocking, .servers) struct ScheduleTests {
    private let fixture: OutboxFixture
    private let connection: Connection

    init() throws {
        fixture = try OutboxFixture()
        connection = try fixture.connect()
    }

    private func event(_ id: String, key: String = "k", type: String = "Happened", _ delivery: DeliveryTime)
        -> OutgoingEvent
    {
        OutgoingEvent(
            topic: fixture.topic.name, key: key, type: type, payload: Array(#"{"n":1}"#.utf8),
            metadata: EventMetadata(id: id, source: "/test", time: 0, correlationID: "c")
        ).delivered(delivery)
    }

    /// Microseconds since the Unix epoch.
    private func ago(_ seconds: Int64) -> Int64 { WallClock.nowMicroseconds() - seconds * 1_000_000 }

    private func waiting() throws -> [ScheduledMessage] {
        try Schedule.page(Schedule.Filter(), limit: 10_000, on: connection)
    }

    private func moved() throws -> [String] {
        try connection.query("SELECT coalesce(metadata->>0, metadata->>'id') FROM outbox ORDER BY position").map {
            try $0.get(0, as: String.self)
        }
    }

    @Test func whatIsDueGoesOutInTheOrderOfItsTimes() throws {
        try Outbox.append(
            [
                event("third", .at(ago(10))), event("first", .at(ago(30))), event("now", .now),
                event("later", .after(.seconds(3_600))), event("second", .at(ago(20))), event("fourth", .after(.zero)),
                event("between", .at(ago(25))),
            ], on: connection)
        #expect(try moved() == ["now"])
        #expect(try waiting().count == 6)
        let due = try DueMessages.move(limit: 2, on: connection)
        #expect(due.count == 2 && due.oldest > 0)
        while try DueMessages.move(limit: 2, on: connection).count > 0 {}
        #expect(try moved() == ["now", "first", "between", "second", "third", "fourth"])
        #expect(try waiting().map(\.messageID) == ["later"])
        // The record happens at its time, and says everything else as it was written.
        let row = try connection.query(
            "SELECT data, metadata->>'correlationId', (metadata->>'time')::timestamptz > now() - interval '1 h' FROM outbox "
                + "WHERE metadata->>'id' = 'first'"
        ).one()
        #expect(try row.get(0, as: String.self) == #"{"n":1}"# && row.get(1, as: String.self) == "c")
        #expect(try row.get(2, as: Bool.self))
    }

    @Test func whatIsRolledBackNeverWaited() throws {
        struct Boom: Error {}
        #expect(throws: Boom.self) {
            try connection.transaction { connection in
                try Outbox.append([event("a", .after(.zero))], on: connection)
                throw Boom()
            }
        }
        #expect(try waiting().isEmpty)
    }

    @Test func eachIsDeliveredOrCancelled() throws {
        var random = SeededGenerator.fromEnvironment()
        let total = 600
        try Outbox.append(
            (0..<total).map { event("\($0)", key: "k-\($0 % 40)", .at(ago(100) + Int64($0))) }, on: connection)
        let ids = try waiting().map(\.id).shuffled(using: &random)
        let cancelled = Monitor<[String]>([])
        // Each of them is used by one thread.
        nonisolated(unsafe) let canceller = try fixture.connect()
        let thread = DedicatedThread.start("canceller") {
            for start in stride(from: 0, to: ids.count, by: 3) {
                let some = (try? Schedule.cancel(Array(ids[start..<min(start + 3, ids.count)]), on: canceller)) ?? []
                cancelled.update { $0 += some.map(\.messageID) }
            }
        }
        // Two that move, as where a leader has lost its session without knowing.
        nonisolated(unsafe) let second = try fixture.connect()
        let other = DedicatedThread.start("mover") {
            while (try? DueMessages.move(limit: 5, on: second).count) ?? 0 > 0 {}
        }
        while try connection.query("SELECT FROM scheduled_messages LIMIT 1").count > 0 {
            _ = try DueMessages.move(limit: 7, on: connection)
        }
        thread.join()
        other.join()
        let (out, gone) = (try moved(), cancelled.withLock { $0 })
        #expect(out.count + gone.count == total)
        #expect(Set(out).count == out.count && Set(out).isDisjoint(with: gone))
        #expect(Set(out).union(gone) == Set((0..<total).map { "\($0)" }))
    }

    /// A transaction that cancels something holds up what comes behind that, and nothing else.
    @Test func aCancellationUnderWayHoldsUpItsKeyAlone() throws {
        try Outbox.append(
            [
                event("a1", key: "a", .at(ago(30))), event("a2", key: "a", .at(ago(20))),
                event("b", key: "b", .at(ago(10))),
            ], on: connection)
        struct Undone: Error {}
        let other = try fixture.connect()
        #expect(throws: Undone.self) {
            try other.transaction { other in
                #expect(try Schedule.cancel(waiting().filter { $0.messageID == "a1" }.map(\.id), on: other).count == 1)
                #expect(try DueMessages.move(on: connection).count == 1)
                #expect(try DueMessages.move(on: connection).count == 0)
                #expect(try moved() == ["b"])
                throw Undone()
            }
        }
        #expect(try DueMessages.move(on: connection).count == 2)
        #expect(try moved() == ["b", "a1", "a2"])
    }

    @Test func oneCancelsByKeyAndType() throws {
        try Outbox.append(
            [
                event("1", key: "a", type: "Remind", .after(.seconds(60))), event("2", key: "a", .after(.seconds(60))),
                event("3", key: "b", type: "Remind", .after(.seconds(60))),
            ], on: connection)
        let selector = Schedule.Selector(tenant: "default", key: "a", type: "Remind")
        #expect(try Schedule.cancel([selector], on: connection) == 1)
        #expect(try Schedule.cancel([selector], on: connection) == 0)
        let foreign = Schedule.Selector(tenant: "acme", key: "b", type: "Remind")
        #expect(try Schedule.cancel([foreign], on: connection) == 0)
        #expect(try waiting().map(\.messageID) == ["2", "3"])
        var filter = Schedule.Filter()
        filter.type = "Remind"
        let page = try Schedule.page(filter, limit: 1, on: connection)
        #expect(page.map(\.messageID) == ["3"])
        #expect(try Schedule.page(filter, after: page.last?.place, limit: 1, on: connection).isEmpty)
    }

    /// What isn't due costs no look: both statements go by an index, however many wait.
    @Test func whatWaitsIsNotRead() throws {
        try connection.script(
            """
            INSERT INTO scheduled_messages (due_at, tenant, topic, key, type, schema_version, data, metadata)
            SELECT now() + interval '1 day' + n * interval '1 second', 'default', 't', 'k-' || n, 'Happened', 1, '{}',
                '{"id":"1"}'
            FROM generate_series(1, 20000) n;
            ANALYZE scheduled_messages;
            """)
        func buffers() throws -> Int64 {
            try connection.query(
                """
                SELECT (coalesce(heap_blks_read, 0) + coalesce(heap_blks_hit, 0))::bigint FROM pg_statio_user_tables
                WHERE relname = 'scheduled_messages'
                """
            ).one().get(0)
        }
        _ = try connection.query("SELECT pg_stat_force_next_flush()")
        let before = try buffers()
        for _ in 0..<20 { #expect(try DueMessages.move(on: connection).count == 0) }
        _ = try connection.query("SELECT pg_stat_force_next_flush()")
        #expect(try buffers() - before < 200)
    }

    /// A real relay that nobody tells of anything wakes for what is due next; and its successor goes
    /// on where it ended.
    @Test func theRelayWakesForWhatIsDue() throws {
        try Outbox.append(
            (0..<30).map { event("\($0)", key: "k-\($0 % 3)", .after(.milliseconds(20 * $0))) }, on: connection)
        try fixture.relaying { _ in
            try eventually("some are out") { try connection.query("SELECT FROM scheduled_messages").count < 20 }
        }
        try fixture.relaying { _ in
            try eventually("all are out") {
                try connection.query("SELECT published FROM relay_checkpoints").first?.get(0, as: Int64.self) == 30
            }
        }
        let records = try fixture.topic.records().map { $0.headers["ce_id"] ?? "" }
        #expect(records == (0..<30).map { "\($0)" })
    }

    /// Nothing can have come that nobody has told of.
    @Test func whereNothingIsWrittenNobodyLooksForMore() throws {
        var due = DueMessages(service: "test", idleLook: .seconds(100), restLook: .seconds(1_000))
        try due.look(on: connection)
        #expect(due.untilNext() <= .seconds(100) && due.untilNext(isAtRest: true) > .seconds(100))
        // What is known to be due is waited for all the same.
        try Outbox.append([event("later", .after(.seconds(50)))], on: connection)
        due = DueMessages(service: "test", idleLook: .seconds(100), restLook: .seconds(1_000))
        try due.look(on: connection)
        #expect(due.untilNext(isAtRest: true) <= .seconds(50))
        // It came by before it was time for another look.
        try due.look(on: connection)
        #expect(due.untilNext(isAtRest: true) <= .seconds(1))
    }

    /// A round of the relay for a look alone is an empty read of the outbox too.
    @Test func aRelayThatComesByAllTheTimeIsNotWokenForEachLook() throws {
        // Whoever is held up between the two looks sees less of the pause that is left; nobody sees more.
        let pauses = try (0..<20).map { _ in
            var due = DueMessages(service: "test", idleLook: .seconds(100), restLook: .seconds(1_000))
            try due.look(on: connection)
            try due.look(on: connection)
            return due.untilNext()
        }
        let longest = try #require(pauses.max())
        #expect(longest > .milliseconds(250) && longest <= .milliseconds(500))
    }
}
