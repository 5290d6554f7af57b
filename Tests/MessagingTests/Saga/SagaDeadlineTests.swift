import Execution
import Kafka
import Postgres
import Randomness
import Testing
import TestServers

@testable import Messaging

@Suite(.blocking, .servers) struct SagaDeadlineTests {
    /// Microseconds that are past the first deadlines of trips that begin now.
    private var later: Int64 { WallClock.nowMicroseconds() + 200_000_000 }

    @Test func whatIsDueIsMovedOnce() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        try database.handle([fact("TripWanted", "a"), fact("TripWanted", "b")], on: connection)
        #expect(try database.worker.round(at: WallClock.nowMicroseconds(), on: connection) == 0)
        let now = later
        #expect(try database.worker.round(at: now, on: connection) == 2)
        #expect(try database.worker.round(at: now, on: connection) == 0)
        #expect(try database.show("a", on: connection)?.reason == "hotel took too long")
        let types = try connection.query("SELECT type, count(*) FROM outbox GROUP BY 1 ORDER BY 1")
        #expect(
            try types.map { "\(try $0.get(0, as: String.self)) \(try $0.get(1, as: Int.self))" } == [
                "BookFlight 2", "BookHotel 2", "CancelFlight 2", "CancelHotel 2",
            ])
    }

    @Test func whatSomebodyHoldsIsLeftAlone() throws {
        let database = try SagaDatabase()
        let consumer = try database.connect()
        let clock = try database.connect()
        try database.handle([fact("TripWanted", "a"), fact("TripWanted", "b")], on: consumer)
        let now = later
        try consumer.transaction { consumer in
            var outbox: [OutgoingEvent] = []
            try database.handler.handle([fact("HotelBooked", "a")], on: consumer, outbox: &outbox)
            #expect(try database.worker.round(at: now, on: clock) == 1)
            #expect(try database.show("b", on: clock)?.status == .compensating)
        }
        #expect(try database.worker.round(at: now, on: clock) == 1)
        let a = try #require(try database.show("a", on: clock))
        #expect(a.steps.first?.call.progress == .succeeded)
        #expect(a.reason == "flight took too long")
    }

    @Test func oneThatCantGoOnDoesNotHoldUpTheOthers() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        try database.handle([fact("TripWanted", "a"), fact("TripWanted", "b")], on: connection)
        _ = try connection.execute("UPDATE saga_instances SET start = '{\"broken\":true}' WHERE id = 'a'")
        let now = later
        #expect(try database.worker.round(at: now, on: connection) == 2)
        #expect(try database.worker.round(at: now, on: connection) == 0)
        #expect(try database.show("a", on: connection)?.attention != nil)
        #expect(try database.show("b", on: connection)?.status == .compensating)
    }

    @Test func oneThatCantBeReadDoesNotHoldUpTheOthers() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        let ids = ["a", "b", "c"]
        try database.handle(ids.map { fact("TripWanted", $0) }, on: connection)
        _ = try connection.execute("UPDATE saga_instances SET status = 'dreaming' WHERE id = 'a'")
        _ = try connection.execute("UPDATE saga_instances SET state = '{\"steps\":1}' WHERE id = 'c'")
        let now = later
        #expect(try database.worker.round(at: now, on: connection) == 3)
        #expect(try database.worker.round(at: now, on: connection) == 0)
        #expect(try database.show("b", on: connection)?.status == .compensating)
        // An operator sees what is the matter, and the others beside it.
        let rows = try connection.query("SELECT attention FROM saga_instances WHERE id <> 'b' ORDER BY id")
        #expect(try rows.map { try $0.get(0, as: String?.self)?.contains("can't read saga") } == [true, true])
        let page = try database.sagaOperator.list(.init(tenant: "default"), limit: 10, on: connection)
        #expect(page.sagas.map(\.key.id) == ["b"])
        #expect(page.unreadable.map(\.key.id).sorted() == ["a", "c"])
        #expect(try database.sagaOperator.list(.init(tenant: "default"), limit: .max, on: connection).sagas.count == 1)
    }

    /// A step that the definition no longer has must not be due for ever.
    @Test func whatIsDueForNothingIsDueNoMore() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        try database.handle([fact("TripWanted", "a")], on: connection)
        let now = WallClock.nowMicroseconds()
        _ = try connection.execute("UPDATE saga_instances SET due_at = $1", [.timestamp(now)])
        #expect(try database.worker.round(at: now, on: connection) == 1)
        #expect(try database.worker.round(at: now, on: connection) == 0)
    }

    /// Two consumers whose batches overlap and two clocks at once: nobody deadlocks, each deadline passes once, and
    /// every instance gets all of its facts.
    @Test func twoOrchestratorsShareTheWork() throws {
        var random = SeededGenerator.fromEnvironment("twoOrchestratorsShareTheWork")
        let database = try SagaDatabase()
        let ids = (0..<60).map { "t\($0)" }
        let now = later
        let orders = (0..<2).map { _ in (0..<6).map { _ in ids.shuffled(using: &random) } }
        let facts = ["TripWanted", "VisaGranted", "HotelBooked", "Unrelated", "FlightCancelRefused", "TransferBooked"]
        let consumers = (0..<2).map { member in
            Companion {
                let connection = try database.connect()
                for (round, type) in facts.enumerated() {
                    // Both tell everything, in orders of their own.
                    for part in stride(from: 0, to: ids.count, by: 20) {
                        try database.handleInTheEnd(
                            orders[member][round][part..<(part + 20)].map { fact(type, $0) }, on: connection)
                    }
                }
            }
        }
        let clocks = (0..<2).map { _ in
            Companion {
                let connection = try database.connect()
                var moved = 0
                try eventually("all are due once") {
                    moved += try database.worker.round(at: now, on: connection)
                    return try connection.query(
                        "SELECT count(*) FROM saga_instances WHERE status = 'compensating'"
                    ).one().get(0, as: Int.self) == ids.count
                }
                return moved
            }
        }
        for consumer in consumers { try consumer.value() }
        let moved = try clocks.map { try $0.value() }.reduce(0, +)
        #expect(moved >= ids.count)
        let connection = try database.connect()
        for id in ids {
            let key = SagaKey(tenant: "default", id: id)
            let shown = try #require(try database.sagaOperator.show(key, on: connection))
            let (saga, log) = (shown.saga, shown.log)
            #expect(log.count { $0.event == .started } == 1)
            #expect(log.count { $0.event == .timedOut && $0.step == "flight" } == 1)
            #expect(log.count { $0.event == .compensating } == 1)
            #expect(saga.instance.steps.first { $0.id == "visa" }?.call.progress != .waiting)
            #expect(saga.instance.steps.first { $0.id == "transfer" }?.call.progress == .succeeded)
        }
        let booked = try connection.query(
            "SELECT count(*), count(DISTINCT key) FROM outbox WHERE type = 'BookFlight'"
        ).one()
        #expect(try booked.get(0, as: Int.self) == ids.count && booked.get(1, as: Int.self) == ids.count)
    }

    /// The saga's group is behind: what was said in time is believed, however late it is heard.
    @Test func whatLiesInABacklogWasInTime() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        try connection.script(MessagingSchema.consumer)
        let topic = try TestTopic(partitions: 1)
        let worker = SagaDeadlineWorker(
            database.orchestrator, database: database.configuration,
            after: ReadingProgress(of: ["sagas"], topics: [topic.name], kafka: topic.kafka, logger: quiet),
            logger: quiet)
        let now = WallClock.nowMicroseconds()
        #expect(try worker.horizon(now, on: connection) == nil, "nothing is due")
        try database.handle([fact("TripWanted", "a")], on: connection)
        _ = try connection.execute("UPDATE saga_instances SET due_at = $1", [.timestamp(now)])
        let producer = try topic.producer()
        defer { producer.close(timeout: .seconds(5)) }
        let answer = OutgoingMessage(topic: topic.name, value: [0x7B, 0x7D], timestamp: now / 1_000 - 1)
        for result in try producer.publish([answer], timeout: .seconds(20)) { _ = try result.get() }
        #expect(try worker.horizon(now, on: connection) == nil)
        #expect(try worker.horizon(now + 60_000_000, on: connection) == nil)
        _ = try ConsumerOffsets.moveAhead(
            group: "sagas", [TopicPartition(topic: topic.name, partition: 0): 1], on: connection)
        #expect(try worker.horizon(now + 60_000_000, on: connection) == now + 60_000_000)
    }

    @Test func theNextDeadlineIsKnown() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        let definition = database.orchestrator.definition
        #expect(try SagaStore.nextDue(of: definition, on: connection) == nil)
        try database.handle([fact("TripWanted", "a"), fact("TripWanted", "b")], on: connection)
        _ = try connection.execute("UPDATE saga_instances SET due_at = $1 WHERE id = 'b'", [.timestamp(1_000_000)])
        #expect(try SagaStore.nextDue(of: definition, on: connection) == 1_000_000)
    }

    /// A worker that knows of no deadline sleeps, here for an hour, until it is told that instances have moved.
    @Test func whoSleepsIsToldOfEarlierDeadlines() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        let stop = StopSignal()
        let worker = SagaDeadlineWorker(
            database.orchestrator, database: database.configuration, longest: .seconds(3600), logger: quiet)
        let run = Companion { worker.run(until: stop) }
        try eventually("it sleeps") {
            try connection.query(
                """
                SELECT 1 FROM pg_stat_activity
                WHERE datname = current_database() AND state = 'idle' AND query LIKE 'SELECT min(due_at)%'
                """
            ).count == 1
        }
        try database.handle([fact("TripWanted", "a")], on: connection)
        _ = try connection.execute(
            "UPDATE saga_instances SET due_at = now(), state = replace(state::text, '\"dueAt\":', '\"dueAt\":1,\"was\":')::json"
        )
        worker.wake()
        try eventually("it was moved") { try database.show("a", on: connection)?.status == .compensating }
        stop.stop()
        try run.value()
    }

    @Test func theWorkerRunsUntilItIsStopped() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        try database.handle([fact("TripWanted", "a")], on: connection)
        _ = try connection.execute(
            "UPDATE saga_instances SET due_at = now(), state = replace(state::text, '\"dueAt\":', '\"dueAt\":1,\"was\":')::json"
        )
        let woken = Monitor(0)
        let stop = StopSignal()
        let worker = SagaDeadlineWorker(database.orchestrator, database: database.configuration, logger: quiet) {
            woken.update { $0 += 1 }
        }
        let run = Companion { worker.run(until: stop) }
        #expect(woken.wait(for: .seconds(20)) { $0 > 0 ? true : nil } == true)
        stop.stop()
        try run.value()
        #expect(try database.show("a", on: connection)?.status == .compensating)
    }
}
