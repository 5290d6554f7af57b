import Testing

@testable import Messaging

/// What makes two definitions one course.
@Suite struct SagaCourseTests {
    private static func definition(
        version: Int = 1, cancelledBy: Set<String> = ["TripCancelled"], hotel: SagaStep = TripSaga.booking("hotel"),
        flight: SagaStep = TripSaga.booking("flight"), flightFirst: Bool = false,
        abort: SagaCommandBuilder = TripSaga.command("CloseTrip"), patience: SagaRetry = TripSaga.retry
    ) throws -> SagaDefinition {
        try SagaDefinition(
            name: "trip", version: version, startedBy: "TripWanted", cancelledBy: cancelledBy,
            steps: (flightFirst ? [flight, hotel] : [hotel, flight]) + [
                .pivot(
                    "tickets", after: ["hotel", "flight"], command: TripSaga.command("IssueTickets"),
                    succeededBy: ["TicketsIssued"], retry: patience)
            ], abort: SagaAbort(command: abort, answeredBy: ["TripClosed"], retry: patience))
    }

    private static func hotel(
        topic: String = "trips", _ type: String = "BookHotel", succeededBy: Set<String> = ["HotelBooked"],
        failedBy: Set<String> = ["HotelFull"], deadline: Duration = .seconds(100), undo: String = "CancelHotel",
        undoTopic: String = "trips", undoneBy: Set<String> = ["HotelCancelled"],
        refusedBy: Set<String> = ["HotelCancelRefused"], patience: SagaRetry = TripSaga.retry
    ) -> SagaStep {
        .compensatable(
            "hotel", command: SagaCommandBuilder(topic: topic, type: type) { _ in [] }, succeededBy: succeededBy,
            failedBy: failedBy, deadline: deadline,
            compensation: SagaCompensation(
                command: SagaCommandBuilder(topic: undoTopic, type: undo) { _ in [] }, doneBy: undoneBy,
                refusedBy: refusedBy, retry: patience))
    }

    @Test func whatDecidesTheCourseChangesTheFingerprint() throws {
        let others: [(String, SagaDefinition)] = [
            ("version", try Self.definition(version: 2)),
            ("cancellation", try Self.definition(cancelledBy: [])),
            ("order", try Self.definition(flightFirst: true)),
            ("dependency", try Self.definition(flight: TripSaga.booking("flight", after: ["hotel"]))),
            ("command", try Self.definition(hotel: Self.hotel("ReserveHotel"))),
            ("topic", try Self.definition(hotel: Self.hotel(topic: "hotels"))),
            ("success", try Self.definition(hotel: Self.hotel(succeededBy: ["HotelBooked", "HotelReserved"]))),
            ("failure", try Self.definition(hotel: Self.hotel(failedBy: []))),
            ("undo", try Self.definition(hotel: Self.hotel(undo: "VoidHotel"))),
            ("undo's topic", try Self.definition(hotel: Self.hotel(undoTopic: "hotels"))),
            ("undone", try Self.definition(hotel: Self.hotel(undoneBy: ["HotelVoided"]))),
            ("refusal", try Self.definition(hotel: Self.hotel(refusedBy: []))),
            (
                "kind",
                try Self.definition(
                    hotel: .external(
                        "hotel", command: TripSaga.command("BookHotel"), succeededBy: ["HotelBooked"],
                        failedBy: ["HotelFull"], deadline: .seconds(100)))
            ),
            ("abort", try Self.definition(abort: TripSaga.command("ForgetTrip"))),
        ]
        var seen = [try Self.definition().fingerprint: "the definition itself"]
        for (what, other) in others {
            let known = seen.updateValue(what, forKey: other.fingerprint)
            #expect(known == nil, "\(what) is as \(known ?? "")")
            #expect(try SagaCourse(json: other.course.json) == other.course, "\(what)")
        }
    }

    @Test func patienceDoesNot() throws {
        let same = try Self.definition(
            hotel: Self.hotel(deadline: .seconds(5), patience: SagaRetry(base: .seconds(9))),
            patience: SagaRetry(answerWithin: .seconds(1), attentionAfter: 2))
        #expect(try same.fingerprint == Self.definition().fingerprint)
        #expect(try same.fingerprint.count == 32 && same.course == Self.definition().course)
    }

    /// Rows of years ago are compared by it.
    @Test func theFingerprintStaysWhatItIs() throws {
        #expect(try Self.definition().fingerprint == "d2d5563fce27f6bd133d7402807d654f")
    }

    @Test(arguments: ["{}", "[]", #"{"saga":"trip","version":1}"#, #"{"saga":1}"#])
    func whatIsNoCourseIsSaidSo(_ json: String) {
        #expect(throws: SagaCourse.Unreadable.self) { try SagaCourse(json: Array(json.utf8)) }
    }

    @Test(arguments: ["abort", ""]) func aStepNeedsANameOfItsOwn(_ id: String) {
        #expect(throws: SagaDefinition.Invalid.self) { try Self.definition(hotel: TripSaga.booking(id)) }
    }
}
