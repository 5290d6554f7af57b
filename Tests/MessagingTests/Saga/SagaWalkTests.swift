import Randomness
import Testing

@testable import Messaging

/// Random facts, at random times, that make sense or don't: rules that hold in every state there is.
@Suite struct SagaWalkTests {
    @Test(arguments: SagaConduct.allCases) func rulesHoldInEveryState(_ conduct: SagaConduct) throws {
        var random = SeededGenerator.fromEnvironment("SagaWalkTests")
        var ends: [SagaInstance.Status: Int] = [:]
        for _ in 0..<TestTier.rounds(1500) {
            var trip = Trip(conduct: conduct)
            for _ in 0..<Int.random(in: 1...40, using: &random) {
                let before = trip.instance
                let logged = trip.log.count
                let choice = Int.random(in: 0..<20, using: &random)
                if choice < 14 {
                    try trip.hear(TripSaga.facts.randomElement(using: &random) ?? "")
                } else if choice < 18 {
                    try trip.wait(Int.random(in: 0...120, using: &random))
                    if let due = trip.instance.nextDeadline { #expect(due > Int64(trip.seconds) * 1_000_000) }
                } else {
                    _ = try? trip.put(
                        choice == 18 ? .retry(note: "", by: "x") : .resolve(step: nil, note: "", by: "x"))
                }
                check(before, trip.instance, logged: trip.log.count - logged)
            }
            ends[trip.instance.status, default: 0] += 1
            if trip.instance.status.isEnd { continue }
            // Whatever happened: once everybody answers, it ends.
            try settle(&trip)
            #expect(trip.instance.status.isEnd, "\(trip.instance)")
        }
        #expect((ends[.completed] ?? 0) > 0 && (ends[.compensated] ?? 0) > 0)
    }

    /// A hundred thousand times, so that an expectation each would be most of the work.
    private func check(_ before: SagaInstance, _ after: SagaInstance, logged: Int) {
        var flaws: [String] = []
        if (before == after) != (logged == 0) { flaws.append("the log has \(logged) more") }
        if before.status.isEnd, after.status != before.status { flaws.append("it had ended") }
        if after.status.isEnd {
            if after.nextDeadline != nil { flaws.append("something would move it after its end") }
        } else if after.status != .awaitingStart, after.nextDeadline == nil {
            flaws.append("nothing would ever move it")
        }
        var copy = SagaInstance(id: after.id, of: TripSaga.definition)
        copy.status = after.status
        copy.start = after.start
        copy.version = after.version
        copy.attention = after.attention
        copy.startedAt = after.startedAt
        copy.endedAt = after.endedAt
        do {
            try after.stateJSON().withUnsafeBytes { try copy.readState($0) }
        } catch {
            flaws.append("\(error)")
        }
        if copy != after { flaws.append("its row reads as \(copy)") }
        for flaw in flaws { Issue.record("\(flaw): \(before) \(after)") }
    }

    /// Participants that do whatever is waited for.
    private func settle(_ trip: inout Trip) throws {
        if trip.instance.status == .awaitingStart { try trip.hear("TripWanted") }
        try trip.hear("VisaGranted")
        for _ in 0..<10 where !trip.instance.status.isEnd {
            for step in trip.instance.steps where step.id != "visa" {
                if trip.instance.status == .running, step.call.progress == .requested {
                    try trip.hear(step.id == "tickets" ? "TicketsIssued" : step.id.capitalized + "Booked")
                } else if trip.instance.status == .compensating, step.undo.isAsked {
                    try trip.hear(step.id.capitalized + "Cancelled")
                    // One that was refused is heard when it is asked for again.
                }
            }
            if trip.instance.abort.isAsked { try trip.hear("TripClosed") }
        }
    }
}
