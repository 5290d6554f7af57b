import Execution
import Postgres
import Randomness
import TestServers
import Testing

@testable import Messaging

/// Second records of facts, at any time after the first, as relays and foreign producers write them.
@Suite struct SagaCopiesTests {
    private enum Step {
        case fact(InboundMessage)
        case clock(Int64)
        case retry
    }

    /// A trip as its row has it between batches.
    private struct Stored {
        var saga: StoredSaga?
        var moved: [SagaRowLog.Line] = []
        var commands: [String] = []
        let orchestrator: SagaOrchestrator

        init(_ conduct: SagaConduct) {
            orchestrator = SagaOrchestrator(
                TripSaga.definition, conduct: conduct, source: "/test/trips", newID: { "\($0)" },
                instanceID: { $0.key })
        }

        let key = SagaKey(tenant: "default", id: "a")

        /// One batch, as `SagaFactHandler` and `SagaDeadlineWorker` make them.
        mutating func handle(_ steps: some Sequence<(at: Int64, step: Step)>, remembering: Bool = true) throws {
            var batch = SagaBatch(orchestrator, saga.map { [$0] } ?? [])
            for (now, step) in steps {
                switch step {
                case .fact(let message): try batch.apply(message, to: key, at: now)
                case .clock: try batch.apply(.deadline, to: key, at: now)
                case .retry: do { try batch.apply(.retry(note: "", by: "x"), to: key, at: now) } catch is SagaRefusal {}
                }
            }
            saga = batch[key] ?? saga
            if let old = saga?.log.takeOldest() { moved += old }
            if !remembering { saga?.log = SagaRowLog() }
            commands += batch.outbox.map { "\($0.type) \($0.key) \($0.metadata.causationID ?? "")" }
        }

        func lines() throws -> [SagaRowLog.Line] { try moved + (saga?.log.lines() ?? []) }
    }

    private static func course(using random: inout SeededGenerator) -> [(at: Int64, step: Step)] {
        var steps: [(at: Int64, step: Step)] = []
        var now: Int64 = 1_000_000
        for number in 0..<Int.random(in: 2...20, using: &random) {
            now += 1
            var choice = Int.random(in: 0..<20, using: &random)
            if number == 0 { choice = 0 }
            switch choice {
            case 0..<15:
                // A refusal that comes before anything else finds nothing that could know it again.
                let types = number == 0 ? TripSaga.facts.filter { !$0.hasSuffix("Refused") } : TripSaga.facts
                let origin = Bool.random(using: &random) ? nil : "https://trips.example"
                steps.append(
                    (
                        now,
                        .fact(
                            fact(
                                types.randomElement(using: &random) ?? "TripWanted", "a", payload: "so",
                                event: "event-\(number)", origin: origin))
                    ))
            case 15..<19:
                now += Int64.random(in: 0...200_000_000, using: &random)
                steps.append((now, .clock(now)))
            default: steps.append((now, .retry))
            }
        }
        return steps
    }

    /// Copies of earlier facts, anywhere behind them.
    private static func withCopies(
        _ course: [(at: Int64, step: Step)], using random: inout SeededGenerator
    ) -> [(at: Int64, step: Step)] {
        var all: [(at: Int64, step: Step)] = []
        var heard: [InboundMessage] = []
        for (now, step) in course {
            all.append((now, step))
            if case .fact(let message) = step { heard.append(message) }
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                if let copy = heard.randomElement(using: &random) { all.append((now, .fact(copy))) }
            }
        }
        return all
    }

    private static func handle(
        _ course: [(at: Int64, step: Step)], _ stored: inout Stored, remembering: Bool = true,
        using random: inout SeededGenerator
    ) throws {
        var rest = course[...]
        while !rest.isEmpty {
            let part = rest.prefix(Int.random(in: 1...6, using: &random))
            try stored.handle(part, remembering: remembering)
            rest = rest.dropFirst(part.count)
        }
    }

    /// Nothing at all differs: not where the trip stands, nor its history, nor what was asked of whom.
    @Test(arguments: SagaConduct.allCases) func copiesChangeNothing(_ conduct: SagaConduct) throws {
        var random = SeededGenerator.fromEnvironment("copiesChangeNothing \(conduct.rawValue)")
        var ends: [SagaInstance.Status: Int] = [:]
        for _ in 0..<TestTier.rounds(1500) {
            let course = Self.course(using: &random)
            var plain = Stored(conduct)
            try Self.handle(course, &plain, using: &random)
            var copied = Stored(conduct)
            try Self.handle(Self.withCopies(course, using: &random), &copied, using: &random)
            #expect(copied.saga?.instance == plain.saga?.instance, "seed \(random.seed)")
            #expect(copied.commands == plain.commands, "seed \(random.seed)")
            let (lines, expected) = (try copied.lines(), try plain.lines())
            #expect(lines == expected, "seed \(random.seed)")
            guard copied.saga?.instance == plain.saga?.instance, lines == expected else { return }
            ends[plain.saga?.instance.status ?? .awaitingStart, default: 0] += 1
        }
        // Of few courses none may come to a rare end.
        #expect(TestTier.isFast || (ends[.compensated] ?? 0 > 0 && ends[.running] ?? 0 > 0), "\(ends)")
    }

    /// Where the row has forgotten all that it heard, a copy still asks for nothing and ends nothing otherwise; but for a
    /// copy of a compensation's answer that came before its question, and then answers it. Memory alone tells that one
    /// (`copiesChangeNothing`).
    @Test(arguments: SagaConduct.allCases) func forgottenFactsDecideNothing(_ conduct: SagaConduct) throws {
        var random = SeededGenerator.fromEnvironment("forgottenFactsDecideNothing \(conduct.rawValue)")
        for _ in 0..<TestTier.rounds(1500) {
            var sighting = Stored(conduct)
            let course = try Self.course(using: &random).filter { step in
                guard case .fact(let message) = step.step else { return false }
                if let answered = message.type.firstRange(of: "Cancel") {
                    let question = "Cancel\(message.type[..<answered.lowerBound]) "
                    guard sighting.commands.contains(where: { $0.hasPrefix(question) }) else { return false }
                }
                try sighting.handle([step])
                return true
            }
            var plain = Stored(conduct)
            try Self.handle(course, &plain, using: &random)
            var copied = Stored(conduct)
            try Self.handle(
                Self.withCopies(course, using: &random), &copied, remembering: false, using: &random)
            let same =
                copied.commands == plain.commands && copied.saga?.instance.status == plain.saga?.instance.status
                && copied.saga?.instance.reason == plain.saga?.instance.reason
            #expect(same, "seed \(random.seed): \(course), \(copied.commands) \(plain.commands)")
            if !same { return }
        }
    }
}

/// The same with the rows of a database.
@Suite(.blocking, .servers) struct StoredCopiesTests {
    @Test func aCopyOfAnOldFactIsKnown() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        let key = SagaKey(tenant: "default", id: "a")
        func show() throws -> SagaOperator.Shown { try #require(try database.sagaOperator.show(key, on: connection)) }
        let refusal = fact("HotelCancelRefused", "a", payload: "not today", event: "r1")
        try database.handle([fact("TripWanted", "a"), fact("HotelBooked", "a")], on: connection)
        try database.handle([fact("FlightFull", "a"), refusal], on: connection)
        _ = try database.sagaOperator.retry(key, note: "", by: .ann, on: connection)
        let before = try show()
        #expect(before.saga.instance.steps.first?.undo.progress == .requested)
        // Asked again, a second record of the refusal is no second refusal; a second refusal is one.
        #expect(try database.handle([refusal, fact("HotelBooked", "a")], on: connection).isEmpty)
        #expect(try show().saga.instance == before.saga.instance)
        try database.handle([fact("HotelCancelRefused", "a", event: "r2")], on: connection)
        #expect(try show().saga.instance.steps.first?.undo.refusals == 1)
        // One that changes nothing now is known later as well.
        try database.handle([fact("HotelCancelRefused", "a", event: "r3")], on: connection)
        _ = try database.sagaOperator.retry(key, note: "", by: .ann, on: connection)
        try database.handle([fact("HotelCancelRefused", "a", event: "r3")], on: connection)
        #expect(try show().saga.instance.steps.first?.undo.progress == .requested)
        try database.handle([fact("HotelCancelled", "a"), fact("TripClosed", "a")], on: connection)
        let end = try show()
        #expect(end.saga.instance.status == .compensated)
        // Nothing wakes what has ended.
        try database.handle(
            [fact("TripWanted", "a"), fact("FlightFull", "a"), refusal, fact("TripClosed", "a")], on: connection)
        let after = try show()
        #expect(after.saga.instance == end.saga.instance && after.log == end.log)
    }
}
