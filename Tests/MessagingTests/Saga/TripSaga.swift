@testable import Messaging

/// A saga that has nothing to do with orders: hotel and flight side by side, a transfer between them, a visa that
/// somebody else sees to, and tickets as the pivot.
enum TripSaga {
    static let definition: SagaDefinition = {
        do {
            return try make()
        } catch {
            fatalError("\(error)")
        }
    }()

    static let retry = SagaRetry(answerWithin: .seconds(10), base: .seconds(1), cap: .seconds(60), attentionAfter: 5)

    static func make() throws(SagaDefinition.Invalid) -> SagaDefinition {
        try SagaDefinition(
            name: "trip", startedBy: "TripWanted", cancelledBy: ["TripCancelled"],
            steps: [
                booking("hotel"), booking("flight"), booking("transfer", after: ["hotel", "flight"]),
                .external("visa", succeededBy: ["VisaGranted"], failedBy: ["VisaDenied"], deadline: .seconds(500)),
                .pivot(
                    "tickets", after: ["transfer", "visa"], command: command("IssueTickets"),
                    succeededBy: ["TicketsIssued"], retry: retry),
            ],
            abort: SagaAbort(command: command("CloseTrip"), answeredBy: ["TripClosed"], retry: retry),
            reason: { type, payload in payload.isEmpty ? nil : "\(type): \(String(decoding: payload, as: UTF8.self))" })
    }

    static func booking(_ id: String, after: [String] = []) -> SagaStep {
        let name = id.capitalized
        return .compensatable(
            id, after: after, command: command("Book\(name)"), succeededBy: ["\(name)Booked"],
            failedBy: ["\(name)Full"], deadline: .seconds(100),
            compensation: SagaCompensation(
                command: command("Cancel\(name)"), doneBy: ["\(name)Cancelled"], refusedBy: ["\(name)CancelRefused"],
                retry: retry))
    }

    static func command(_ type: String) -> SagaCommandBuilder {
        SagaCommandBuilder(topic: "trips", type: type) { context in
            if context.start == Array("{\"broken\":true}".utf8) { throw Broken() }
            return Array("{}".utf8)
        }
    }

    struct Broken: Error {}

    static let facts = [
        "TripWanted", "TripCancelled", "TripClosed", "HotelBooked", "HotelFull", "HotelCancelled",
        "HotelCancelRefused", "FlightBooked", "FlightFull", "FlightCancelled", "FlightCancelRefused", "TransferBooked",
        "TransferFull", "TransferCancelled", "TransferCancelRefused", "VisaGranted", "VisaDenied", "TicketsIssued",
    ]
}

/// One trip, driven by hand. Seconds start at 0.
struct Trip {
    var instance = SagaInstance(id: "t1", of: TripSaga.definition)
    var conduct = SagaConduct.leading
    var seconds = 0
    var log: [SagaLogEntry] = []
    /// Of each line of the log.
    var versions: [Int] = []

    /// The commands that the fact leads to.
    @discardableResult
    mutating func hear(_ type: String, _ words: String = "") throws -> [String] {
        try put(.fact(type: type, payload: Array(words.utf8), messageID: "m"))
    }

    /// Lets time pass, with a deadline input wherever one is due.
    @discardableResult
    mutating func wait(_ more: Int) throws -> [String] {
        var commands: [String] = []
        let end = seconds + more
        while let due = instance.nextDeadline, due <= Int64(end) * 1_000_000 {
            seconds = max(seconds, Int((due + 999_999) / 1_000_000))
            commands += try put(.deadline)
        }
        seconds = end
        return commands
    }

    @discardableResult
    mutating func put(_ input: SagaInput) throws -> [String] {
        let transition = try TripSaga.definition.react(
            instance, to: input, at: Int64(seconds) * 1_000_000, conduct: conduct)
        instance = transition.instance
        log += transition.log
        versions += transition.log.map { _ in transition.instance.version }
        return transition.commands.map(\.type)
    }

    func count(_ event: SagaLogEntry.Event, _ step: String? = nil) -> Int {
        log.count { $0.event == event && (step == nil || $0.step == step) }
    }

    static func heard(_ types: String..., conduct: SagaConduct = .leading) throws -> Trip {
        var trip = Trip(conduct: conduct)
        for type in types { try trip.hear(type) }
        return trip
    }
}
