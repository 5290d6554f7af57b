import Randomness
import Testing

@testable import Messaging

/// Logs put through definitions, without a database.
@Suite struct SagaReplayTests {
    /// What `definition` would have done otherwise with the trip.
    private func differences(_ trip: Trip, by definition: SagaDefinition) throws -> [SagaCheck.Difference] {
        var replay = SagaReplay(definition, conduct: trip.conduct, id: "t1", start: trip.instance.start)
        for (entry, version) in zip(trip.log, trip.versions) { try replay.add(entry, version: version) }
        try replay.finish()
        return definition.differences(of: trip.instance, ledBy: TripSaga.definition.course, from: replay.instance)
    }

    /// Whatever happens to an instance, its log leads the same definition to where it stands.
    @Test(arguments: SagaConduct.allCases) func aLogTellsWhereAnInstanceStands(_ conduct: SagaConduct) throws {
        var random = SeededGenerator.fromEnvironment("aLogTellsWhereAnInstanceStands \(conduct.rawValue)")
        let patient = try Self.changed(deadline: .seconds(100_000))
        var replayed: [SagaInstance.Status: Int] = [:]
        let statuses = SagaInstance.Status.allCases.count
        var rounds = 0
        // Some end seldom: on until each has been seen.
        while rounds < max(400, TestTier.rounds(1500)) || (replayed.count < statuses && rounds < 40_000) {
            rounds += 1
            var trip = Trip(conduct: conduct)
            for _ in 0..<Int.random(in: 1...40, using: &random) {
                switch Int.random(in: 0..<20, using: &random) {
                case 0..<14: try trip.hear(TripSaga.facts.randomElement(using: &random) ?? "", "so")
                case 14..<18: try trip.wait(Int.random(in: 0...300, using: &random))
                case 18: _ = try? trip.put(.retry(note: "", by: "x"))
                default: _ = try? trip.put(.resolve(step: nil, note: "", by: "x"))
                }
            }
            replayed[trip.instance.status, default: 0] += 1
            for definition in [TripSaga.definition, patient] {
                let found = try differences(trip, by: definition)
                #expect(found.isEmpty, "\(found) of \(trip.log), seed \(random.seed)")
                if !found.isEmpty { return }
            }
        }
        #expect(replayed.count == statuses, "\(replayed)")
    }

    /// The trip, but for one thing.
    private static func changed(
        hotelFailedBy: Set<String> = ["HotelFull"], cancelledBy: Set<String> = ["TripCancelled"],
        undo: SagaCommandBuilder? = TripSaga.command("CancelHotel"), hotel: Bool = true, car: Bool = false,
        deadline: Duration = .seconds(100)
    ) throws -> SagaDefinition {
        let hotelStep: SagaStep =
            if let undo {
                .compensatable(
                    "hotel", command: TripSaga.command("BookHotel"), succeededBy: ["HotelBooked"],
                    failedBy: hotelFailedBy, deadline: deadline,
                    compensation: SagaCompensation(
                        command: undo, doneBy: ["HotelCancelled"], refusedBy: ["HotelCancelRefused"],
                        retry: TripSaga.retry))
            } else {
                .external(
                    "hotel", command: TripSaga.command("BookHotel"), succeededBy: ["HotelBooked"],
                    failedBy: hotelFailedBy, deadline: deadline)
            }
        let first = (hotel ? [hotelStep] : []) + [TripSaga.booking("flight")]
        let needs = first.map(\.id)
        return try SagaDefinition(
            name: "trip", version: 2, startedBy: "TripWanted", cancelledBy: cancelledBy,
            steps: first + [TripSaga.booking("transfer", after: needs)]
                + (car ? [TripSaga.booking("car", after: needs)] : []) + [
                    .external("visa", succeededBy: ["VisaGranted"], failedBy: ["VisaDenied"], deadline: .seconds(500)),
                    .pivot(
                        "tickets", after: ["transfer", "visa"] + (car ? ["car"] : []),
                        command: TripSaga.command("IssueTickets"), succeededBy: ["TicketsIssued"],
                        retry: TripSaga.retry),
                ],
            abort: SagaAbort(
                command: TripSaga.command("CloseTrip"), answeredBy: ["TripClosed"], retry: TripSaga.retry))
    }

    private static let booked = ["TripWanted", "HotelBooked", "FlightBooked", "TransferBooked", "VisaGranted"]

    private func heard(_ types: [String]) throws -> Trip {
        var trip = Trip()
        for type in types { try trip.hear(type) }
        return trip
    }

    @Test func aFailureThatIsNoneAnyMoreIsNamed() throws {
        let trip = try heard(["TripWanted", "HotelFull"])
        #expect(
            try differences(trip, by: Self.changed(hotelFailedBy: [])) == [
                .status(stands: .compensating, would: .running),
                .step("hotel", stands: .failed, would: .requested),
                .compensation("flight", stands: .requested, would: .waiting),
            ])
    }

    @Test func aCancellationThatIsNoneAnyMoreIsNamed() throws {
        let trip = try heard(["TripWanted", "TripCancelled"])
        let found = try differences(trip, by: Self.changed(cancelledBy: []))
        #expect(found.first == .status(stands: .compensating, would: .running))
        #expect(found.contains(.compensation("hotel", stands: .requested, would: .waiting)))
    }

    @Test func aLostCompensationIsNamedWhereItMayBeOwed() throws {
        let old = SagaCourse.Command(topic: "trips", type: "CancelHotel")
        let other = SagaCommandBuilder(topic: "hotels", type: "CancelHotel") { _ in [] }
        for types in [["TripWanted"], Self.booked] {
            #expect(
                try differences(heard(types), by: Self.changed(undo: other)) == [
                    .lostCompensation(
                        "hotel", stands: old, would: SagaCourse.Command(topic: "hotels", type: "CancelHotel"))
                ])
            #expect(
                try differences(heard(types), by: Self.changed(undo: nil))
                    == [.lostCompensation("hotel", stands: old, would: nil)])
        }
        // Nothing was booked, or it was given back already.
        for types in [["HotelBooked", "HotelCancelled"], ["TripWanted", "HotelFull"]] {
            #expect(try differences(heard(types), by: Self.changed(undo: other)).isEmpty, "\(types)")
        }
    }

    @Test func aStepThatIsGoneIsNamed() throws {
        let found = try differences(heard(["TripWanted", "HotelBooked"]), by: Self.changed(hotel: false))
        #expect(found.contains(.unknownStep("hotel", stands: .succeeded)))
        #expect(
            found.contains {
                if case .lostCompensation("hotel", _, nil) = $0 { true } else { false }
            })
    }

    @Test func aNewStepMattersWhereItsTimeIsPast() throws {
        let definition = try Self.changed(car: true)
        #expect(try differences(heard(["TripWanted", "HotelBooked"]), by: definition).isEmpty)
        #expect(
            try differences(heard(Self.booked), by: definition)
                == [.step("tickets", stands: .requested, would: .waiting)])
    }

    @Test func aTimeoutIsOneHoweverLongTheDefinitionWouldWait() throws {
        var trip = try heard(["TripWanted", "FlightBooked"])
        try trip.wait(101)
        #expect(trip.count(.timedOut, "hotel") == 1)
        #expect(try differences(trip, by: Self.changed(deadline: .seconds(5000))).isEmpty)
    }
}
