import Execution
import Foundation
import JSON
import Kafka
import Logging
import Postgres
import TestServers
import Testing

@testable import Messaging

/// A payload in another format than JSON, on every way that a payload goes.
@Suite(.blocking, .servers) struct CodecJourneyTests {
    @Test func bytesOfAnyFormatGoThroughEverything() throws {
        let journey = try CodecJourney()
        defer { journey.end() }
        let connection = try journey.connect()
        let payloads = [#"{"n":1}"#, #"{"fails":true}"#, #"{"n":3}"#]
        let bytes = payloads.map { InvertedCodec.payload($0) }

        // In one statement with one that is JSON.
        let appends = bytes.enumerated().map { index, bytes in
            journey.append("k\(index)", bytes, InvertedCodec.contentType)
        }
        let plain = journey.append("k-json", Array(#"{"n":4}"#.utf8), .json)
        #expect(try EventStore.append(appends + [plain], on: connection).isEmpty)
        let stored = try (0..<3).map { number in
            try #require(
                try EventStore.load(tenant: "default", streamID: "k\(number)", categories: ["note"], on: connection)
                    .first)
        }
        #expect(stored.map(\.data) == bytes)
        #expect(Set(stored.map(\.contentType)) == [InvertedCodec.contentType])
        #expect(try stored.map { String(decoding: try $0.json(by: InvertedCodec.codecs), as: UTF8.self) } == payloads)
        #expect(throws: PayloadCodecError.self) { try stored[0].json() }

        // The relay doesn't look inside.
        try journey.relay()
        let records = try journey.records(of: journey.topic, count: 4)
        for (number, bytes) in bytes.enumerated() {
            let record = try #require(records.first { $0.key == Array("k\(number)".utf8) })
            #expect(record.value == bytes)
            #expect(record.headers["content-type"] == InvertedCodec.contentType.description)
            #expect(record.headers["ce_type"] == "Noted" && record.headers["ce_schemaversion"] == "2")
        }
        let json = try #require(records.first { $0.key == Array("k-json".utf8) })
        #expect(String(decoding: json.value, as: UTF8.self) == #"{"type":"Noted","version":2,"payload":{"n":4}}"#)
        #expect(json.headers["content-type"] == "application/json" && json.headers["ce_schemaversion"] == nil)

        // A group reads it; what it can't handle is a dead letter, as the bytes that came.
        try journey.consume { _ in
            try eventually("all others are handled, one is dead") {
                try journey.notes() == [#"{"n":1}"#, #"{"n":3}"#, #"{"n":4}"#]
                    && DeadLetterQueue.list(.init(group: journey.group), on: connection).count == 1
            }
            let letter = try #require(try DeadLetterQueue.list(.init(group: journey.group), on: connection).first)
            #expect(letter.value == bytes[1])
            #expect(
                try JSONValue(parsing: letter.headers)["content-type"] == .string(InvertedCodec.contentType.description)
            )
            try eventually("the copy is out") { try journey.end(of: journey.letterTopic) == 1 }
            let copy = try #require(try journey.records(of: journey.letterTopic, count: 1).first)
            #expect(copy.value == bytes[1])
            #expect(copy.headers["content-type"] == InvertedCodec.contentType.description)

            journey.handler.isHealed.update { $0 = true }
            try DeadLetterQueue.decide(.retry, letter.id, .init(by: .mo, note: "in a test"), on: connection)
            try eventually("the letter is handled") { try journey.notes().count == 4 }
            #expect(try Set(journey.notes()) == Set(payloads + [#"{"n":4}"#]))
        }

        // The read model made anew from the topic is the live one.
        let before = try journey.notes()
        let outcome = try Rebuild(
            journey.model, kafka: journey.kafka, database: journey.database, by: .mo, logger: quiet
        ).run()
        #expect(outcome.isEqual && outcome.isExchanged && outcome.unreadable == 0 && outcome.events == 4)
        #expect(try journey.notes() == before)
    }

    /// Outboxes carry any format too, beside dead letters' copies, which are bytes as well.
    @Test func anOutboxCarriesAnyFormat() throws {
        let journey = try CodecJourney()
        defer { journey.end() }
        let binary = InvertedCodec.payload(#"{"n":1}"#)
        let payloads: [([UInt8], ContentType)] = [
            (Array(#"{"n":0}"#.utf8), .json), (binary, InvertedCodec.contentType), ([], InvertedCodec.contentType),
        ]
        try Outbox.append(
            payloads.enumerated().map { index, payload in
                OutgoingEvent(
                    topic: journey.topic, key: "k", type: "Noted", payload: payload.0, contentType: payload.1,
                    metadata: journey.metadata("\(index)"))
            }, on: journey.connect())
        try journey.relay(.outbox)
        let records = try journey.records(of: journey.topic, count: 3).sorted { $0.offset < $1.offset }
        #expect(records.map(\.value) == [Array(#"{"type":"Noted","version":1,"payload":{"n":0}}"#.utf8), binary, []])
        let types = [ContentType.json, InvertedCodec.contentType, InvertedCodec.contentType].map(\.description)
        #expect(records.map { $0.headers["content-type"] } == types)
    }

    /// A row is one thing or the other.
    @Test func rowsWithBothOrNeitherAreRefused() throws {
        let journey = try CodecJourney()
        defer { journey.end() }
        let connection = try journey.connect()
        for (data, type, raw) in [("NULL", "NULL", "NULL"), ("'{}'", "'x/y'", "'\\x00'"), ("NULL", "NULL", "'\\x00'")] {
            #expect(throws: PostgresError.self, "\(data) \(type) \(raw)") {
                try connection.script(
                    """
                    INSERT INTO events (tenant, stream_id, version, category, type, schema_version, data, metadata, content_type, raw)
                    VALUES ('default', 's', 1, 'note', 'T', 1, \(data), '{}', \(type), \(raw))
                    """)
            }
        }
    }
}
