import Postgres
import Randomness
import TestServers
import Testing

@testable import Messaging

/// What a worker takes for granted of instances is right, or found to be wrong.
@Suite(.blocking, .servers) struct SagaGuessesTests {
    private struct RolledBack: Error {}

    /// A process of the saga's group.
    private struct Worker {
        let guesses: SagaGuesses
        let handler: SagaFactHandler
        let connection: Connection
        private let database: SagaDatabase

        init(_ database: SagaDatabase, limit: Int = SagaFactHandler.standardLimit) throws {
            self.database = database
            guesses = SagaGuesses(limit: limit)
            handler = SagaFactHandler(database.orchestrator, guesses: guesses)
            connection = try database.connect()
        }

        @discardableResult
        func handle(_ batch: [InboundMessage]) throws -> [OutgoingEvent] {
            try database.handle(batch, by: handler, on: connection)
        }

        /// Throws `RolledBack` behind a batch that could be handled.
        func handleAndRollBack(_ batch: [InboundMessage]) throws {
            try connection.transaction { connection in
                var outbox: [OutgoingEvent] = []
                try handler.handle(batch, on: connection, outbox: &outbox)
                throw RolledBack()
            }
        }
    }

    private func wanted(_ id: String) -> InboundMessage { fact("TripWanted", id, streamVersion: 1) }

    /// What has come of each trip, but for times and made-up ids.
    private func outcome(_ database: SagaDatabase, _ ids: [String], on connection: Connection) throws -> [String] {
        try ids.map { id in
            let key = SagaKey(tenant: "default", id: id)
            guard let shown = try database.sagaOperator.showWhole(key, on: connection) else { return "\(id): none" }
            let instance = shown.saga.instance
            let steps = instance.steps.map { "\($0.id) \($0.call.progress) \($0.undo.progress) \($0.undo.refusals)" }
            let log = shown.log.map { "\($0.event) \($0.step ?? "") \($0.cause) \($0.detail ?? "")" }
            return "\(id): \(instance.status) \(instance.version) \(steps) \(instance.reason ?? "") \(log)"
        }
    }

    /// Batches that go to one of two processes at random, with copies, batches that are rolled back and operators in between:
    /// all comes out as without any memory, and each batch in its second try at the latest.
    @Test func whatIsTakenForGrantedChangesNothing() throws {
        var random = SeededGenerator.fromEnvironment("whatIsTakenForGrantedChangesNothing")
        for round in 0..<TestTier.rounds(12) {
            let (guessing, plain) = (try SagaDatabase(), try SagaDatabase())
            let limit = [0, 6_000, SagaFactHandler.standardLimit].randomElement(using: &random) ?? 0
            let workers = try (0..<2).map { _ in try Worker(guessing, limit: limit) }
            let connection = try plain.connect()
            defer { for connection in workers.map(\.connection) + [connection] { connection.close() } }
            let ids = (0..<6).map { "t\($0)" }
            var facts: [InboundMessage] = []
            for id in ids {
                facts.append(wanted(id))
                for _ in 0..<Int.random(in: 0...12, using: &random) {
                    let type = TripSaga.facts.filter { $0 != "TripWanted" }.randomElement(using: &random) ?? ""
                    facts.append(fact(type, id, event: "\(id)-\(facts.count)"))
                }
            }
            facts.shuffle(using: &random)
            for copy in facts.shuffled(using: &random).prefix(15) {
                facts.insert(copy, at: Int.random(in: 0...facts.count, using: &random))
            }
            var commands: (guessing: [String], plain: [String]) = ([], [])
            while !facts.isEmpty {
                let batch = Array(facts.prefix(Int.random(in: 1...8, using: &random)))
                let worker = workers[Int.random(in: 0...1, using: &random)]
                if Int.random(in: 0..<5, using: &random) == 0 {
                    // One that found itself to be wrong is rolled back just the same.
                    try? worker.handleAndRollBack(batch)
                    continue
                }
                facts.removeFirst(batch.count)
                var sent: [OutgoingEvent]
                do {
                    sent = try worker.handle(batch)
                } catch is ConcurrentChange {
                    sent = try worker.handle(batch)
                }
                commands.guessing += sent.map { "\($0.type) \($0.key) \($0.metadata.causationID ?? "")" }
                // Of no stream of ours, they are asked for.
                commands.plain += try plain.handle(
                    batch.map { fact($0.type, $0.key, event: $0.id) }, on: connection
                )
                .map { "\($0.type) \($0.key) \($0.metadata.causationID ?? "")" }
                if Int.random(in: 0..<4, using: &random) == 0 {
                    let key = SagaKey(tenant: "default", id: ids.randomElement(using: &random) ?? "")
                    for (database, connection) in [(guessing, workers[0].connection), (plain, connection)] {
                        _ = try? database.sagaOperator.retry(key, note: "", by: .ann, on: connection)
                    }
                }
            }
            let seed: Comment = "round \(round), limit \(limit), seed \(random.seed)"
            #expect(commands.guessing == commands.plain, seed)
            let outcomes = try (
                outcome(guessing, ids, on: workers[0].connection), outcome(plain, ids, on: connection)
            )
            #expect(outcomes.0 == outcomes.1, seed)
            guard outcomes.0 == outcomes.1 else { return }
        }
    }

    /// An instance that somebody else has moved meanwhile isn't written over.
    @Test func anInstanceThatWasMovedMeanwhileCounts() throws {
        let database = try SagaDatabase()
        let (first, second) = (try Worker(database), try Worker(database))
        try first.handle([wanted("a"), wanted("b")])
        #expect(first.guesses.count == 2)
        try database.handle([fact("HotelBooked", "a")], on: second.connection)
        let batch = [fact("FlightBooked", "a"), fact("HotelBooked", "b")]
        #expect(throws: ConcurrentChange.self, "it wasn't asked for") {
            try first.handle(batch)
        }
        #expect(try database.show("b", on: second.connection)?.steps.first?.call.progress == .requested)
        #expect(
            try first.handle(batch).map { "\($0.type) \($0.key)" } == [
                "BookTransfer a"
            ])
        #expect(try database.show("b", on: second.connection)?.steps.first?.call.progress == .succeeded)
    }

    /// A second record of a stream's first event comes to a process that knows nothing of the first one.
    @Test func anInstanceThatHadBegunIsFound() throws {
        let database = try SagaDatabase()
        let (first, second) = (try Worker(database), try Worker(database))
        #expect(try first.handle([wanted("a")]).count == 2)
        let before = try database.show("a", on: first.connection)
        #expect(throws: ConcurrentChange.self, "it wasn't asked for") {
            try second.handle([wanted("a")])
        }
        #expect(try second.handle([wanted("a")]).isEmpty)
        #expect(try database.show("a", on: first.connection) == before)
        // Of no stream of ours: it is asked for.
        #expect(try second.handle([fact("TripWanted", "a")]).isEmpty)
    }

    /// What is remembered was committed, and may still be moved.
    @Test func onlyWhatCountsIsRemembered() throws {
        let database = try SagaDatabase()
        let worker = try Worker(database)
        #expect(throws: RolledBack.self) { try worker.handleAndRollBack([wanted("a")]) }
        #expect(worker.guesses.count == 0)
        #expect(try worker.handle([wanted("a")]).count == 2)
        #expect(worker.guesses.count == 1)
        let answers = ["Hotel", "Flight", "Transfer"].map { fact("\($0)Booked", "a") }
        try worker.handle(answers + [fact("VisaGranted", "a"), fact("TicketsIssued", "a")])
        #expect(try database.show("a", on: worker.connection)?.status == .completed)
        #expect(worker.guesses.count == 0)
    }
}
