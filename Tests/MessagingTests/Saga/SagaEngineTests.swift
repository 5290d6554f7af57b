import Testing

@testable import Messaging

@Suite struct SagaEngineTests {
    @Test func stepsRunAsSoonAsWhatTheyComeAfterIsThere() throws {
        var trip = Trip()
        #expect(try trip.hear("TripWanted") == ["BookHotel", "BookFlight"])
        #expect(try trip.hear("FlightBooked") == [])
        #expect(try trip.hear("HotelBooked") == ["BookTransfer"])
        #expect(try trip.hear("TransferBooked") == [])
        #expect(try trip.hear("VisaGranted") == ["IssueTickets"])
        #expect(trip.instance.status == .running)
        #expect(try trip.hear("TicketsIssued") == [])
        #expect(trip.instance.status == .completed)
        #expect(trip.instance.nextDeadline == nil)
        #expect(trip.instance.attention == nil)
    }

    @Test func whatFollowsIsUndoneBeforeWhatItFollowed() throws {
        var trip = try Trip.heard("TripWanted", "HotelBooked", "FlightBooked", "TransferBooked")
        #expect(try trip.hear("VisaDenied", "no") == ["CancelTransfer"])
        #expect(trip.instance.reason == "VisaDenied: no")
        #expect(Set(try trip.hear("TransferCancelled")) == ["CancelFlight", "CancelHotel"])
        #expect(try trip.hear("HotelCancelled") == [])
        #expect(try trip.hear("FlightCancelled") == ["CloseTrip"])
        #expect(try trip.hear("TripClosed") == [])
        #expect(trip.instance.status == .compensated)
    }

    @Test func whatFailedIsNotUndone() throws {
        var trip = try Trip.heard("TripWanted", "HotelBooked")
        #expect(try trip.hear("FlightFull") == ["CancelHotel"])
        #expect(try trip.hear("HotelCancelled") == ["CloseTrip"])
    }

    @Test func aStepInFlightIsUndoneToo() throws {
        var trip = try Trip.heard("TripWanted", "HotelBooked")
        #expect(Set(try trip.hear("TripCancelled", "changed my mind")) == ["CancelFlight", "CancelHotel"])
        // It was taken all the same; whoever takes it has got the undo behind it.
        #expect(try trip.hear("FlightBooked") == [])
        #expect(trip.count(.succeeded, "flight") == 1)
        try trip.hear("HotelCancelled")
        #expect(try trip.hear("FlightCancelled") == ["CloseTrip"])
    }

    @Test func aCancellationBeforeTheStartLeavesNothingToUndo() throws {
        var trip = try Trip.heard("TripCancelled")
        #expect(trip.instance.status == .awaitingStart)
        #expect(try trip.hear("TripWanted") == ["CloseTrip"])
        try trip.hear("TripClosed")
        #expect(trip.instance.status == .compensated)
    }

    @Test func repeatsChangeNothing() throws {
        var trip = Trip()
        for type in ["TripWanted", "HotelBooked", "FlightBooked", "TransferBooked", "VisaGranted", "TicketsIssued"] {
            try trip.hear(type)
            let before = trip.instance
            #expect(try trip.hear(type) == [])
            #expect(trip.instance == before, "\(type)")
        }
        var undone = try Trip.heard("TripWanted", "HotelBooked")
        for type in ["FlightFull", "HotelCancelled", "TripClosed"] {
            try undone.hear(type)
            let before = undone.instance
            #expect(try undone.hear(type) == [])
            #expect(undone.instance == before, "\(type)")
        }
    }

    /// A reply may come before the orchestrator has stored that it asked, or even that there is anything to ask.
    @Test(arguments: [
        ["HotelBooked", "FlightBooked", "TransferBooked", "VisaGranted"],
        ["VisaGranted", "TransferBooked", "FlightBooked", "HotelBooked"],
    ])
    func factsBeforeTheStartCount(_ facts: [String]) throws {
        var trip = Trip()
        for fact in facts { #expect(try trip.hear(fact) == []) }
        #expect(try trip.hear("TripWanted") == ["IssueTickets"])
        try trip.hear("TicketsIssued")
        #expect(trip.instance.status == .completed)
    }

    @Test func aSuccessAfterItsDeadlineIsUndone() throws {
        var trip = try Trip.heard("TripWanted", "HotelBooked", "VisaGranted")
        #expect(Set(try trip.wait(100)) == ["CancelFlight", "CancelHotel"])
        #expect(trip.instance.reason == "flight took too long")
        #expect(try trip.hear("FlightBooked") == [])
        #expect(trip.count(.succeededLate, "flight") == 1)
        try trip.hear("FlightCancelled")
        #expect(try trip.hear("HotelCancelled") == ["CloseTrip"])
        try trip.hear("TripClosed")
        #expect(trip.instance.status == .compensated)
        #expect(trip.instance.attention == nil)
    }

    @Test func aSuccessAfterAFailureIsUndone() throws {
        var trip = try Trip.heard("TripWanted", "HotelFull")
        #expect(trip.instance.status == .compensating)
        #expect(try trip.hear("HotelBooked") == ["CancelHotel"])
    }

    @Test func anUndoIsAskedAgainUntilItWorks() throws {
        var trip = try Trip.heard("TripWanted", "HotelBooked", "FlightFull")
        for round in 1...10 {
            #expect(try trip.hear("HotelCancelRefused", "\(round)") == [])
            // 1, 2, 4 … seconds, 60 at most.
            let pause = min(60, 1 << (round - 1))
            #expect(try trip.wait(pause - 1) == [], "round \(round)")
            #expect(try trip.wait(1) == ["CancelHotel"], "round \(round)")
            #expect((trip.instance.attention != nil) == (round >= 5), "round \(round)")
        }
        #expect(trip.instance.attention == "undoing hotel keeps being refused: HotelCancelRefused: 10")
        #expect(try trip.hear("HotelCancelled") == ["CloseTrip"])
        #expect(trip.instance.attention == nil)
        #expect(trip.count(.undoRefused, "hotel") == 10)
        #expect(trip.count(.attention) >= 1 && trip.count(.attentionEnded) == 1)
    }

    @Test func anUndoThatNeverWorksWaitsForAPerson() throws {
        var trip = try Trip.heard("TripWanted", "HotelBooked", "FlightFull")
        let asked = try trip.wait(3600)
        #expect(Set(asked) == ["CancelHotel"])
        // 10, 20, 40 and then every 60 seconds.
        #expect(asked.count == 61)
        #expect(trip.instance.attention == "undoing hotel stays unanswered")
        #expect(throws: SagaRefusal.unknownStep("cruise")) {
            try trip.put(.resolve(step: "cruise", note: "", by: "ann"))
        }
        #expect(throws: SagaRefusal.notWaiting(step: "flight")) {
            try trip.put(.resolve(step: "flight", note: "", by: "ann"))
        }
        #expect(try trip.put(.resolve(step: "hotel", note: "phoned them", by: "ann")) == ["CloseTrip"])
        #expect(trip.instance.attention == nil)
        #expect(
            trip.log.contains { $0.event == .resolved && $0.detail == "phoned them" && $0.cause == .operator("ann") })
        try trip.hear("TripClosed")
        #expect(trip.instance.status == .compensated)
        #expect(throws: SagaRefusal.ended(.compensated)) {
            try trip.put(.resolve(step: "hotel", note: "", by: "ann"))
        }
    }

    @Test func anOperatorsRetryAsksNowAndCountsFromZero() throws {
        var trip = try Trip.heard("TripWanted", "HotelBooked", "FlightBooked", "TransferBooked", "VisaGranted")
        try trip.wait(600)
        #expect(trip.instance.attention == "tickets stays unanswered")
        #expect(try trip.put(.retry(note: "their office is open", by: "bob")) == ["IssueTickets"])
        #expect(trip.instance.attention == nil)
        #expect(trip.count(.retried) == 1)
        #expect(try trip.wait(9) == [])
        #expect(try trip.wait(1) == ["IssueTickets"])
        try trip.hear("TicketsIssued")
        #expect(throws: SagaRefusal.ended(.completed)) { try trip.put(.retry(note: "", by: "bob")) }
    }

    @Test func whoResolvesHasToSayWhatWhereSeveralWait() throws {
        var trip = try Trip.heard("TripWanted", "HotelBooked", "FlightBooked", "TripCancelled")
        try trip.hear("TransferCancelled")
        #expect(throws: SagaRefusal.severalWaiting(["hotel", "flight"])) {
            try trip.put(.resolve(step: nil, note: "", by: "ann"))
        }
        try trip.hear("FlightCancelled")
        #expect(try trip.put(.resolve(step: nil, note: "done", by: "ann")) == ["CloseTrip"])
    }

    @Test func onlyThePivotsOwnerStopsAPivotThatIsAskedFor() throws {
        var trip = try Trip.heard("TripWanted", "HotelBooked", "FlightBooked", "TransferBooked", "VisaGranted")
        #expect(try trip.hear("HotelFull") == [])
        #expect(trip.instance.status == .running)
        #expect(trip.instance.attention == "HotelFull came after everything had succeeded")
        #expect(try trip.hear("FlightCancelled") == [])
        var issued = trip
        try issued.hear("TicketsIssued")
        #expect(issued.instance.status == .completed)
        // Nobody has looked yet.
        #expect(issued.instance.attention != nil)
        try issued.put(.resolve(step: nil, note: "rebooked", by: "ann"))
        #expect(issued.instance.attention == nil)

        #expect(try trip.hear("TripCancelled") == ["CancelTransfer"])
        #expect(trip.instance.status == .compensating)
    }

    @Test func aPromiseTakenBackInTimeFails() throws {
        var trip = try Trip.heard("TripWanted", "HotelBooked")
        #expect(Set(try trip.hear("HotelFull", "overbooked")) == ["CancelFlight", "CancelHotel"])
    }

    @Test func factsAfterTheEndAreSeen() throws {
        var trip = try Trip.heard("TripWanted", "HotelFull", "FlightCancelled", "TripClosed")
        #expect(trip.instance.status == .compensated)
        try trip.hear("HotelBooked")
        #expect(trip.instance.status == .compensated)
        #expect(trip.instance.attention == "HotelBooked came after the end and is not undone")
    }

    @Test func whoWatchesCommandsNobody() throws {
        var trip = Trip(conduct: .watching)
        for type in ["TripWanted", "HotelBooked"] { #expect(try trip.hear(type) == []) }
        #expect(try trip.wait(100) == [])
        #expect(trip.instance.status == .running)
        #expect(trip.instance.attention == "flight is overdue")
        #expect(throws: SagaRefusal.watching) { try trip.put(.retry(note: "", by: "ann")) }
        try trip.hear("FlightBooked")
        #expect(trip.instance.attention == nil)
        for type in ["TransferBooked", "VisaGranted", "TicketsIssued"] { #expect(try trip.hear(type) == []) }
        #expect(trip.instance.status == .completed)

        var undone = Trip(conduct: .watching)
        for type in ["TripWanted", "HotelBooked", "FlightFull", "TripClosed", "HotelCancelled"] {
            #expect(try undone.hear(type) == [])
        }
        #expect(undone.instance.status == .compensated)
    }

    @Test func definitionsThatMakeNoSenseAreRefused() {
        func definition(_ steps: [SagaStep]) throws -> SagaDefinition {
            try SagaDefinition(
                name: "x", startedBy: "S", steps: steps,
                abort: SagaAbort(command: TripSaga.command("A"), answeredBy: ["B"]))
        }
        func pivot(_ id: String) -> SagaStep {
            .pivot(id, after: [], command: TripSaga.command("P"), succeededBy: ["Q"])
        }
        #expect(throws: SagaDefinition.Invalid.self) { try definition([TripSaga.booking("a", after: ["b"])]) }
        #expect(throws: SagaDefinition.Invalid.self) { try definition([TripSaga.booking("a"), TripSaga.booking("a")]) }
        #expect(throws: SagaDefinition.Invalid.self) { try definition([pivot("a"), pivot("b")]) }
        #expect(throws: SagaDefinition.Invalid.self) {
            try definition([pivot("a"), TripSaga.booking("b", after: ["a"])])
        }
        #expect(throws: SagaDefinition.Invalid.self) {
            try definition([.external("a", succeededBy: [], failedBy: [], deadline: .seconds(1))])
        }
    }
}
