import Execution
import Postgres
import Randomness
import TestServers
import Testing

@testable import Messaging

/// A definition that lacks what instances under way may have to undo isn't let at them.
@Suite(.blocking, .servers) struct RetiredStepsTests {
    /// The trip without a step, or with one that can't be undone any more.
    private func definition(without step: String, keeping kept: Bool = false) throws -> SagaDefinition {
        let whole = TripSaga.definition
        func after(_ ids: [String]) -> [String] { kept ? ids : ids.filter { $0 != step } }
        let bookings = [("hotel", []), ("flight", []), ("transfer", ["hotel", "flight"])]
        var steps = bookings.compactMap { id, needs -> SagaStep? in
            if id != step { return TripSaga.booking(id, after: after(needs)) }
            guard kept else { return nil }
            let name = id.capitalized
            return .external(
                id, after: needs, succeededBy: ["\(name)Booked"], failedBy: ["\(name)Full"], deadline: .seconds(100))
        }
        if step != "visa" {
            steps.append(
                .external("visa", succeededBy: ["VisaGranted"], failedBy: ["VisaDenied"], deadline: .seconds(500)))
        }
        steps.append(
            .pivot(
                "tickets", after: after(["transfer", "visa"]), command: TripSaga.command("IssueTickets"),
                succeededBy: ["TicketsIssued"]))
        return try SagaDefinition(
            name: whole.name, startedBy: whole.startedBy, cancelledBy: whole.cancelledBy, steps: steps,
            abort: whole.abort)
    }

    private func complaint(_ definition: SagaDefinition, on connection: Connection) throws -> [String: Int64] {
        do {
            try definition.checkOpenInstances(on: connection)
            return [:]
        } catch let error as RetiredSteps {
            return Dictionary(uniqueKeysWithValues: error.steps.map { ($0.id, $0.count) })
        }
    }

    @Test func openInstancesAreCounted() throws {
        var random = SeededGenerator.fromEnvironment("openInstancesAreCounted")
        let database = try SagaDatabase()
        let connection = try database.connect()
        let ids = (0..<60).map { "t\($0)" }
        for id in ids {
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let type = TripSaga.facts.randomElement(using: &random) ?? "TripWanted"
                try database.handle([fact(type, id)], on: connection)
            }
        }
        let instances = try ids.compactMap { try database.show($0, on: connection) }.filter { !$0.status.isEnd }
        #expect(try complaint(TripSaga.definition, on: connection).isEmpty, "its own definition, seed \(random.seed)")
        for step in ["hotel", "flight", "transfer", "visa"] {
            let calls = instances.compactMap { $0.steps.first { $0.id == step } }.filter { !$0.undo.isDone }
            // Whatever may have been done, and whatever was to be undone for safety.
            let done = calls.count {
                ![.waiting, .failed].contains($0.call.progress) || $0.undo.progress != .waiting
            }
            #expect(
                try complaint(definition(without: step), on: connection) == (done > 0 ? [step: Int64(done)] : [:]),
                "without \(step), seed \(random.seed)")
            guard step != "visa" else { continue }
            let undoing = calls.count { $0.undo.progress != .waiting }
            #expect(
                try complaint(definition(without: step, keeping: true), on: connection)
                    == (undoing > 0 ? [step: Int64(undoing)] : [:]), "\(step) for good, seed \(random.seed)")
        }
    }

    /// The trip whose hotel is undone by another command.
    private func undoingOtherwise() throws -> SagaDefinition {
        let whole = TripSaga.definition
        let hotel = SagaStep.compensatable(
            "hotel", command: TripSaga.command("BookHotel"), succeededBy: ["HotelBooked"], failedBy: ["HotelFull"],
            deadline: .seconds(100),
            compensation: SagaCompensation(command: TripSaga.command("VoidHotel"), doneBy: ["HotelCancelled"]))
        return try SagaDefinition(
            name: whole.name, startedBy: whole.startedBy, cancelledBy: whole.cancelledBy,
            steps: [hotel] + whole.steps.dropFirst(), abort: whole.abort)
    }

    /// Once the definition that has led them is known, it is known too what it would have undone.
    @Test func lostCompensationsAreCounted() throws {
        var random = SeededGenerator.fromEnvironment("lostCompensationsAreCounted")
        let database = try SagaDatabase()
        let connection = try database.connect()
        try SagaDefinitions.record(TripSaga.definition, on: connection)
        let ids = (0..<60).map { "t\($0)" }
        for id in ids {
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let type = TripSaga.facts.randomElement(using: &random) ?? "TripWanted"
                try database.handle([fact(type, id)], on: connection)
            }
        }
        let instances = try ids.compactMap { try database.show($0, on: connection) }.filter { !$0.status.isEnd }
        for (step, other) in [
            ("hotel", try undoingOtherwise()), ("hotel", try definition(without: "hotel", keeping: true)),
            ("flight", try definition(without: "flight", keeping: true)),
        ] {
            let owing = instances.compactMap { $0.steps.first { $0.id == step } }.filter { !$0.undo.isDone }.count {
                [.requested, .succeeded, .timedOut].contains($0.call.progress) || $0.undo.progress != .waiting
            }
            #expect(owing > 0, "seed \(random.seed)")
            #expect(
                try complaint(other, on: connection) == [step: Int64(owing)], "\(step) otherwise, seed \(random.seed)")
        }
        #expect(try complaint(TripSaga.definition, on: connection).isEmpty)
    }

    /// Many instances, all led by definitions that lack nothing: none of them is read.
    @Test func whatFitsCostsALookAtEachDefinition() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        let whole = TripSaga.definition
        let second = try SagaDefinition(
            name: whole.name, version: 2, startedBy: whole.startedBy, cancelledBy: whole.cancelledBy,
            steps: whole.steps, abort: whole.abort)
        for (id, definition) in [("a", whole), ("b", second), ("c", second)] {
            try SagaDefinitions.record(definition, on: connection)
            try database.led(by: definition).handle([fact("TripWanted", id)], on: connection)
        }
        #expect(
            try SagaDefinitions.leading("trip", on: connection) == [whole, second].map(\.fingerprint).sorted())
        #expect(try SagaDefinitions.leading("other", on: connection) == [])
        // A state that nobody could read: nobody does.
        _ = try connection.execute(#"UPDATE saga_instances SET state = '{"steps":[]}'"#)
        #expect(try complaint(whole, on: connection).isEmpty && complaint(second, on: connection).isEmpty)
        #expect(throws: (any Error).self) { try complaint(undoingOtherwise(), on: connection) }
    }

    /// An instance that began after the look at the start, led by a version that still runs beside.
    @Test func anInstanceOfAnotherVersionIsNotLedOn() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        let other = database.led(by: try undoingOtherwise())
        func begin(_ database: SagaDatabase) throws {
            let admission = SagaAdmission(
                database.orchestrator.definition, database: database.configuration, logger: quiet)
            #expect(try admission.wait(until: StopSignal()))
        }
        try begin(database)
        try begin(other)
        try database.handle([fact("TripWanted", "a"), fact("HotelBooked", "a")], on: connection)
        try database.handle([fact("TripWanted", "b"), fact("HotelFull", "b")], on: connection)
        #expect(throws: UnreadableSaga.self) { try other.handle([fact("FlightFull", "a")], on: connection) }
        #expect(throws: UnreadableSaga.self) {
            try other.sagaOperator.retry(SagaKey(tenant: "default", id: "a"), note: "", by: .ann, on: connection)
        }
        // Its clock shelves what it can't lead on, where a person sees it, and what owes nothing goes on.
        let later = WallClock.nowMicroseconds() + 200_000_000
        #expect(try other.worker.round(at: later, on: connection) == 2)
        #expect(try database.show("a", on: connection)?.attention?.contains("undoes otherwise") == true)
        #expect(try database.show("b", on: connection)?.attention == nil)
        // The version that can leads it on as before.
        try database.handle([fact("FlightFull", "a")], on: connection)
        #expect(try database.show("a", on: connection)?.status == .compensating)
        let b = try #require(try other.sagaOperator.show(SagaKey(tenant: "default", id: "b"), on: connection)).saga
        #expect(b.definition == TripSaga.definition.fingerprint)
        #expect(b.ledBy == other.orchestrator.definition.fingerprint)
    }

    /// The charge of the issue: nobody starts, nobody drops it, and both say what it is about.
    @Test func aServiceDoesNotBegin() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        try database.handle([fact("TripWanted", "a"), fact("FlightBooked", "a")], on: connection)
        let begun = Monitor(false)
        func begin(_ definition: SagaDefinition) throws {
            begun.withLock { $0 = false }
            let admission = SagaAdmission(definition, database: database.configuration, logger: quiet)
            try ThreadGroup.run(
                admission.guarding([ThreadGroup.Part("work") { _ in begun.withLock { $0 = true } }]),
                until: StopSignal())
        }
        let lacking = try definition(without: "flight")
        let failure = #expect(throws: ThreadGroup.PartFailed.self) { try begin(lacking) }
        let error = try #require(failure?.cause as? RetiredSteps)
        #expect(error.steps.map(\.id) == ["flight"] && "\(error)".contains("flight in 1"))
        #expect(!"\(error)".contains("\n"))
        #expect(begun.withLock { $0 } == false)
        // An operator's command with the same definition doesn't drop it either.
        let key = SagaKey(tenant: "default", id: "a")
        let sagaOperator = SagaOperator(
            SagaOrchestrator(lacking, source: "/test", newID: { _ in "c" }, instanceID: { $0.key }))
        #expect(throws: UnreadableSaga.self) { try sagaOperator.retry(key, note: "", by: .ann, on: connection) }

        try begin(TripSaga.definition)
        #expect(begun.withLock { $0 })
        // Once it is undone the step may go.
        try database.handle(
            [fact("TripCancelled", "a"), fact("FlightCancelled", "a"), fact("HotelCancelled", "a")], on: connection)
        try database.handle([fact("TripClosed", "a")], on: connection)
        try begin(lacking)
        #expect(begun.withLock { $0 })
        #expect(try sagaOperator.show(key, on: connection)?.saga.instance.status == .compensated)
    }
}
