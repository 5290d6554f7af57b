import Execution
import Postgres
import TestServers
import Testing

@testable import Messaging

/// Instances in a database, held against definitions.
@Suite(.blocking, .servers) struct SagaCheckTests {
    private func check(
        _ database: SagaDatabase, on connection: Connection
    ) throws -> (summary: SagaCheck.Summary, found: [String: SagaCheck.Finding.Verdict]) {
        var found: [String: SagaCheck.Finding.Verdict] = [:]
        let summary = try SagaCheck(database.orchestrator).run(on: connection) { finding in
            #expect(found.updateValue(finding.verdict, forKey: finding.key.id) == nil, "\(finding.key) twice")
        }
        return (summary, found)
    }

    private func differences(_ verdict: SagaCheck.Finding.Verdict?) -> [SagaCheck.Difference]? {
        if case .differs(let differences)? = verdict { differences } else { nil }
    }

    /// More instances than one page, and more lines than one batch.
    @Test func manyInstancesAreReadInPages() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        try SagaDefinitions.record(TripSaga.definition, on: connection)
        let ids = (0..<450).map { "t\($0)" }
        try database.handle(ids.map { fact("TripWanted", $0) }, on: connection)
        try database.handle(ids.map { fact("HotelBooked", $0) }, on: connection)
        // Some have ended: they are nobody's business.
        let ended = ids.prefix(30)
        for type in ["TripCancelled", "HotelCancelled", "FlightCancelled", "TripClosed"] {
            try database.handle(ended.map { fact(type, $0) }, on: connection)
        }
        // One of another tenant has the same id.
        try database.handle([fact("TripWanted", "t1", tenant: "acme")], on: connection)
        // One stands where its history doesn't lead; some have theirs where it was before rows had one.
        for id in ["t40", "t41", "t442"] { try database.moveLogToTable(id, on: connection) }
        _ = try connection.execute(
            "UPDATE saga_log SET event = 'failed', cause_name = 'HotelFull' WHERE id = 't40' AND event = 'succeeded'")
        let (summary, found) = try check(database, on: connection)
        #expect(summary == SagaCheck.Summary(open: 421, differing: 1, unrecorded: 0))
        #expect(
            differences(found["t40"]) == [
                .status(stands: .running, would: .compensating),
                .step("hotel", stands: .succeeded, would: .failed),
                .compensation("flight", stands: .waiting, would: .requested),
            ])
    }

    @Test func whatCanNotBeGoneThroughIsSaidSo() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        try SagaDefinitions.record(TripSaga.definition, on: connection)
        for id in ["sound", "old", "event", "log", "state", "start"] {
            try database.handle([fact("TripWanted", id)], on: connection)
        }
        try database.moveLogToTable("event", on: connection)
        _ = try connection.script(
            """
            UPDATE saga_instances SET log = '\\x05ff' WHERE id = 'log';
            UPDATE saga_instances SET definition = '', led_by = '' WHERE id = 'old';
            UPDATE saga_log SET event = 'dreamt' WHERE id = 'event';
            UPDATE saga_instances SET state = '[]' WHERE id = 'state';
            UPDATE saga_instances SET start = '{"broken":true}' WHERE id = 'start';
            """)
        let (summary, found) = try check(database, on: connection)
        #expect(summary == SagaCheck.Summary(open: 6, differing: 4, unrecorded: 1))
        if case .unrecorded? = found["old"] {} else { Issue.record("\(found)") }
        for id in ["event", "log", "state", "start"] {
            #expect(differences(found[id])?.map(\.kind) == ["unreadable"], "\(id)")
        }
        // Once it moves, it is led by a definition that is known.
        try database.handle([fact("HotelBooked", "old")], on: connection)
        #expect(try check(database, on: connection).found["old"] == nil)
    }

    @Test func aProgramWithAnotherDefinitionNamesWhatItWouldLose() throws {
        let database = try SagaDatabase()
        let connection = try database.connect()
        try SagaDefinitions.record(TripSaga.definition, on: connection)
        for id in ["a", "b"] { try database.handle([fact("TripWanted", id)], on: connection) }
        try database.handle([fact("HotelFull", "b")], on: connection)
        let whole = TripSaga.definition
        let other = try SagaDefinition(
            name: whole.name, version: 2, startedBy: whole.startedBy, cancelledBy: whole.cancelledBy,
            steps: [
                .external(
                    "hotel", command: TripSaga.command("BookHotel"), succeededBy: ["HotelBooked"],
                    failedBy: ["HotelFull"], deadline: .seconds(100))
            ] + whole.steps.dropFirst(), abort: whole.abort)
        let (summary, found) = try check(database.led(by: other), on: connection)
        #expect(summary == SagaCheck.Summary(open: 2, differing: 1, unrecorded: 0))
        #expect(
            differences(found["a"]) == [
                .lostCompensation(
                    "hotel", stands: SagaCourse.Command(topic: "trips", type: "CancelHotel"), would: nil)
            ])
        #expect(throws: RetiredSteps.self) { try other.checkOpenInstances(on: connection) }
    }
}
