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
        let desk = SagaDesk(
            SagaOrchestrator(lacking, source: "/test", newID: { _ in "c" }, instanceID: { $0.key }))
        #expect(throws: UnreadableSaga.self) { try desk.retry(key, note: "", by: "ann", on: connection) }

        try begin(TripSaga.definition)
        #expect(begun.withLock { $0 })
        // Once it is undone the step may go.
        try database.handle(
            [fact("TripCancelled", "a"), fact("FlightCancelled", "a"), fact("HotelCancelled", "a")], on: connection)
        try database.handle([fact("TripClosed", "a")], on: connection)
        try begin(lacking)
        #expect(begun.withLock { $0 })
        #expect(try desk.show(key, on: connection)?.saga.instance.status == .compensated)
    }
}
