import Execution
import Foundation
import JSON
import Kafka
import Postgres
import Schemas
import TestServers
import Testing

@testable import Messaging

/// A topic whose records have several formats, on every way that they go.
@Suite(.blocking, .servers) struct MixedTopicTests {
    @Test func aTopicMayHaveSeveralFormats() throws {
        let registry = NotedRegistry()
        let journey = try CodecJourney(registry.codecs)
        defer { journey.end() }
        let connection = try journey.connect()
        func note(_ key: String, _ json: String) throws {
            #expect(try EventStore.append([journey.append(key, Array(json.utf8), .json)], on: connection).isEmpty)
        }
        let payloads = (0..<4).map { #"{"n":\#($0),"tags":["a","b","c","d"]}"# }

        // The settings change while the topic fills; what is stored stays JSON.
        try note("k0", payloads[0])
        try journey.relay()
        try note("k1", payloads[1])
        try journey.relay(formats: TopicFormats(others: .protobuf))
        try note("k2", payloads[2])
        try journey.relay(formats: TopicFormats([journey.topic: .avro]))
        try note("k3", #"{"n":3,"unknown":true}"#)
        try journey.relay(formats: TopicFormats(others: .protobuf))
        #expect(
            try connection.query("SELECT count(*) FROM events WHERE data IS NULL").one().get(0, as: Int64.self) == 0)
        // And a stranger writes, by the serializers of Confluent's client.
        let foreign: [UInt8] = [0, 0, 0, 0, 7, 0, 0x08, 9]
        try journey.publish("k4", foreign, [("ce_type", "Noted")])

        let records = try journey.records(of: journey.topic, count: 5)
        let formats = records.map { $0.headers["content-type"] }
        #expect(formats == ["application/json", "application/protobuf", "avro/binary", "application/json", nil])
        #expect(records.map { $0.headers["ce_schemaversion"] } == [nil, "2", "2", nil, nil])
        #expect(records[1].value.prefix(6) == [0, 0, 0, 0, 7, 0] && records[2].value.prefix(5) == [0, 0, 0, 0, 8])

        let expected = [payloads[0], payloads[1], payloads[2], #"{"n":3,"unknown":true}"#, #"{"n":9}"#]
        try journey.consume { _ in
            try eventually("all are handled") { try journey.notes().count == 5 }
        }
        #expect(try Set(journey.notes()) == Set(expected))

        let outcome = try Rebuild(
            journey.model, kafka: journey.kafka, database: journey.database, by: .mo, logger: quiet
        ).run()
        #expect(outcome.isEqual && outcome.isExchanged && outcome.unreadable == 0 && outcome.events == 5)
    }

    /// An id that nobody can be asked for holds the group up, and says so; one that nobody has is a dead letter.
    @Test func anUnknownIDIsAnOutageOrADeadLetter() throws {
        let registry = NotedRegistry()
        let journey = try CodecJourney(registry.codecs)
        defer { journey.end() }
        let connection = try journey.connect()
        func letters() throws -> [DeadLetterQueue.Entry] {
            try DeadLetterQueue.list(.init(group: journey.group), on: connection)
        }
        let known: [UInt8] = [0, 0, 0, 0, 7, 0, 0x08, 1]
        let unknown: [UInt8] = [0, 0, 0, 0, 99, 0, 0x08, 2]
        registry.isAway = true
        try journey.publish("a", known, [("ce_type", "Noted")])
        try journey.publish("b", unknown, [("ce_type", "Noted"), ("content-type", "application/protobuf")])
        try journey.consume { runner in
            try eventually("the group says why it waits") {
                runner.currentStatus.problem?.contains("\(journey.topic)/0/0: the payload can't be read") == true
            }
            #expect(try journey.notes() == [] && letters().isEmpty)

            registry.isAway = false
            try eventually("what waited is handled") { try journey.notes() == [#"{"n":1}"#] }
            try eventually("what nobody knows is dead") { try letters().count == 1 }
            #expect(runner.currentStatus.problem == nil)
            let letter = try #require(try letters().first)
            #expect(letter.error == "the payload can't be read as application/protobuf: there is no schema 99")
            #expect(letter.value == unknown)

            // Its schema is registered after all. A registry that is away meanwhile takes nothing from the letter.
            registry.know(99, .protobuf(ProtoFile(NotedRegistry.schema)))
            registry.isAway = true
            let asked = registry.asked
            try DeadLetterQueue.decide(.retry, letter.id, .init(by: .mo, note: "in a test"), on: connection)
            try eventually("the letter was looked at") { registry.asked > asked }
            registry.isAway = false
            try eventually(within: .seconds(30), "the letter is handled") { try journey.notes().count == 2 }
            #expect(try letters().isEmpty)
        }
        // Operators see what it says.
        guard
            case .json(let json) = RecordPayload(
                letter: unknown, headers: Array(#"{"ce_type":"Noted"}"#.utf8), by: registry.codecs)
        else {
            Issue.record("not shown")
            return
        }
        #expect(String(decoding: json, as: UTF8.self) == #"{"n":2}"#)
    }
}
