import Execution
import Postgres
import Testing
import TestServers

@testable import Messaging

@Suite(.blocking, .servers) struct SagaStoreTests {
    @Test func aBatchIsFoldedInOrder() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        let commands = try database.handle(
            [
                fact("TripWanted", "a"), fact("TripWanted", "b"), fact("Unrelated", "c"), fact("HotelBooked", "a"),
                fact("FlightBooked", "a"), fact("FlightFull", "b"), fact("TripWanted", "a", tenant: "other"),
            ], on: connection)
        #expect(
            commands.map { "\($0.key) \($0.type)" } == [
                "a BookHotel", "a BookFlight", "b BookHotel", "b BookFlight", "a BookTransfer", "b CancelHotel",
                "a BookHotel", "a BookFlight",
            ])
        #expect(commands[4].metadata.causationID == "FlightBooked-a")
        #expect(commands[4].metadata.correlationID == "correlation-a")
        #expect(commands[4].metadata.source == "/test/trips")
        #expect(commands.last?.metadata.tenant == "other")
        #expect(try count("saga_instances", on: connection) == 3)
        #expect(try database.show("b", on: connection)?.status == .compensating)
        #expect(try database.show("c", on: connection) == nil)

        // The next batch goes on where this one ended.
        #expect(
            try database.handle([fact("TransferBooked", "a"), fact("VisaGranted", "a")], on: connection)
                .map(\.type) == ["IssueTickets"])
        try database.handle([fact("TicketsIssued", "a")], on: connection)
        let shown = try #require(try database.sagaOperator.show(SagaKey(tenant: "default", id: "a"), on: connection))
        let (saga, log) = (shown.saga, shown.log)
        #expect(shown.nextLog == nil)
        #expect(saga.definition == TripSaga.definition.fingerprint && saga.ledBy == saga.definition)
        #expect(saga.instance.status == .completed)
        // Nothing is asked for after the end.
        #expect(saga.instance.start.isEmpty)
        #expect(log.first?.event == .started)
        #expect(log.first?.cause == .message(id: "TripWanted-a", type: "TripWanted"))
        #expect(log.last?.event == .completed)
    }

    @Test func aRepeatedBatchChangesNothing() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        let batch = [fact("TripWanted", "a"), fact("HotelBooked", "a")]
        try database.handle(batch, on: connection)
        let before = try database.show("a", on: connection)
        #expect(try database.handle(batch, on: connection).isEmpty)
        #expect(try database.show("a", on: connection) == before)
    }

    @Test func aFactThatCanNeverBeHandledIsRejected() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        #expect(throws: MessageRejected.self) {
            try database.handle([fact("TripWanted", "a", payload: "{\"broken\":true}")], on: connection)
        }
        #expect(try count("saga_instances", on: connection) == 0)
    }

    /// PostgreSQL's text has no U+0000, JSON has.
    @Test func wordsMayHaveAnyCharacter() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        try database.handle([fact("TripWanted", "a"), fact("VisaDenied", "a", payload: "x\0y")], on: connection)
        #expect(try database.show("a", on: connection)?.reason == "VisaDenied: x\0y")
    }

    @Test func twoWhoBeginTheSameInstanceDontBothDoIt() throws {
        let database = try SagaDatabase()
        let first = try database.connect()
        let second = try database.connect()
        let other = try first.transaction { connection in
            var outbox: [OutgoingEvent] = []
            try database.handler.handle([fact("TripWanted", "a")], on: connection, outbox: &outbox)
            // Doesn't see the row, and waits for it on the primary key.
            let other = Companion { try database.handle([fact("TripWanted", "a")], on: try database.connect()).count }
            try eventually("the other waits for the row") {
                try second.query(
                    """
                    SELECT count(*) FROM pg_stat_activity
                    WHERE wait_event_type = 'Lock' AND datname = current_database()
                    """
                ).one().get(0, as: Int.self) == 1
            }
            return other
        }
        #expect(throws: ConcurrentChange.self) { try other.value() }
        #expect(try count("saga_instances", on: first) == 1)
    }

    @Test func anInstanceFromAnotherTimeIsSaidSo() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        try database.handle([fact("TripWanted", "a")], on: connection)
        _ = try connection.execute("UPDATE saga_instances SET status = 'dreaming'")
        #expect(throws: UnreadableSaga.self) { try database.show("a", on: connection) }
    }

    @Test func listsAreNarrowedAndPaged() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        for number in 0..<7 { try database.handle([fact("TripWanted", "t\(number)")], on: connection) }
        try database.handle([fact("HotelFull", "t3"), fact("HotelFull", "t5")], on: connection)
        _ = try connection.execute("UPDATE saga_instances SET attention = 'look' WHERE id = 't5'")
        func ids(_ filter: SagaOperator.Filter) throws -> [String] {
            var ids: [String] = []
            var place: SagaOperator.Place?
            repeat {
                let page = try database.sagaOperator.list(filter, after: place, limit: 2, on: connection)
                ids += page.sagas.map(\.key.id)
                place = page.next
            } while place != nil
            return ids
        }
        #expect(try ids(.init(tenant: "default")) == ["t6", "t5", "t4", "t3", "t2", "t1", "t0"])
        #expect(try ids(.init(tenant: "default", status: .compensating)) == ["t5", "t3"])
        #expect(try ids(.init(tenant: "default", attention: true)) == ["t5"])
        #expect(try ids(.init(tenant: "default", status: .compensating, attention: false)) == ["t3"])
        #expect(try ids(.init(tenant: "other")) == [])
    }

    @Test func aHistoryIsShownInParts() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        let key = SagaKey(tenant: "default", id: "a")
        try database.handle([fact("TripWanted", "b"), fact("TripWanted", "a"), fact("HotelFull", "a")], on: connection)
        try database.handle([fact("FlightCancelled", "a"), fact("TripClosed", "a")], on: connection)
        let whole = try #require(try database.sagaOperator.show(key, on: connection))
        #expect(whole.log.count > 5 && whole.nextLog == nil)
        var (log, place): ([SagaLogEntry], Int64?) = ([], 0)
        var parts = 0
        while let after = place {
            let part = try #require(try database.sagaOperator.show(key, logAfter: after, limit: 2, on: connection))
            #expect(part.log.count <= 2 && !part.log.isEmpty)
            log += part.log
            place = part.nextLog
            parts += 1
        }
        #expect(log == whole.log && parts == (whole.log.count + 1) / 2)
        #expect(try database.sagaOperator.showWhole(key, on: connection)?.log == whole.log)
    }

    @Test func anOperatorsRetryAndResolutionAreKept() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        let key = SagaKey(tenant: "default", id: "a")
        try database.handle(
            [fact("TripWanted", "a"), fact("HotelBooked", "a"), fact("FlightFull", "a")], on: connection)
        #expect(
            try database.sagaOperator.retry(SagaKey(tenant: "default", id: "b"), note: "", by: .ann, on: connection)
                == nil)
        #expect(throws: SagaRefusal.notWaiting(step: "flight")) {
            try database.sagaOperator.resolve(key, step: "flight", note: "", by: .ann, on: connection)
        }
        _ = try database.sagaOperator.retry(key, note: "again", by: .ann, on: connection)
        _ = try database.sagaOperator.resolve(key, step: "hotel", note: "by phone", by: .bob, on: connection)
        let rows = try connection.query(
            "SELECT type, metadata->>\(RowMetadata.Place.actor.rawValue) FROM outbox ORDER BY position DESC LIMIT 2")
        #expect(try rows.map { try $0.get(0, as: String.self) } == ["CloseTrip", "CancelHotel"])
        #expect(try rows.map { try $0.get(1, as: String?.self) } == ["bob", "ann"])
        let log = try #require(try database.sagaOperator.show(key, on: connection)).log
        #expect(log.contains { $0.event == .retried && $0.cause == .operator("ann") && $0.detail == "again" })
        #expect(log.contains { $0.event == .resolved && $0.cause == .operator("bob") && $0.detail == "by phone" })
    }

    private func count(_ table: String, on connection: Connection) throws -> Int {
        try connection.query("SELECT count(*) FROM \(table)").one().get(0)
    }
}
