import JSON
import Logging
import Schemas
import Testing
import WireFormats

@testable import Messaging

/// What the door makes of records in the formats that go by schemas, and the relay of payloads that are to be in them.
@Suite struct SchemaPayloadsTests {
    private static let json = #"{"n":1,"total":49.90,"at":"2026-01-31T12:00:00.000001Z","tags":["a"]}"#
    private let registry = NotedRegistry()

    private func payload(_ json: String, _ format: SchemaFormat) throws -> [UInt8] {
        try #require(registry.codecs.schemas).payload(ofJSON: json, format)
    }

    private func verdict(
        _ value: [UInt8], _ headers: [(String, String)], by codecs: PayloadCodecs? = nil
    ) -> RecordVerdict {
        let reader = RecordReader(types: ["Noted"], codecs: codecs ?? registry.codecs) { _ in nil }
        var envelope = EnvelopeHeaders()
        for (name, text) in headers { Array(text.utf8).withUnsafeBytes { envelope.take(name, $0) } }
        return value.withUnsafeBytes {
            EnvelopeDecoder.decode(
                value: $0, key: nil, headers: envelope,
                source: InboundMessage.Source(topic: "t", partition: 0, offset: 1), recordTime: 0, by: reader)
        }
    }

    private static let type = ("ce_type", "Noted")

    /// The first byte and the content type decide: Confluent's serializers say no type, ours do, and others say others.
    @Test func everyUsualProducerIsRead() throws {
        let protobuf = try payload(Self.json, .protobuf)
        let avro = try payload(Self.json, .avro)
        #expect(protobuf.prefix(6) == [0, 0, 0, 0, 7, 0] && avro.prefix(5) == [0, 0, 0, 0, 8])
        let bare = Array(protobuf.dropFirst(6))
        let cases: [(String, [UInt8], [(String, String)])] = [
            ("no content type", protobuf, []), ("no content type", avro, []),
            ("a generic one", protobuf, [("content-type", "application/octet-stream")]),
            ("ours", protobuf, [("content-type", "application/protobuf")]),
            ("ours", avro, [("content-type", "avro/binary")]),
            ("another name", protobuf, [("content-type", "application/x-protobuf; proto=x")]),
            ("another name", avro, [("content-type", "application/avro")]),
            ("all message indexes", Array(protobuf.prefix(5)) + [2, 0] + bare, []),
            ("without a frame", bare, [("content-type", "application/protobuf")]),
            ("with its version", protobuf, [("ce_schemaversion", "2")]),
        ]
        for (name, value, headers) in cases {
            guard case .event(let message) = verdict(value, headers + [Self.type]) else {
                Issue.record("\(name): \(verdict(value, headers + [Self.type]))")
                continue
            }
            #expect(try JSONValue(parsing: message.payload) == JSONValue(parsing: Self.json), "\(name)")
            #expect(message.schemaVersion == 2)
        }
        // JSON is JSON.
        let envelope = Array(#"{"type":"Noted","version":2,"payload":{"n":1}}"#.utf8)
        guard case .event = verdict(envelope, []) else {
            Issue.record("JSON isn't read")
            return
        }
    }

    @Test func whatCanNeverBeReadIsPoisonAndSaysWhy() throws {
        let protobuf = try payload(Self.json, .protobuf)
        let avro = try payload(Self.json, .avro)
        registry.know(9, .protobuf(ProtoFile(MessageSchema("Other", "", [.init(1, "n", .int64)]))))
        registry.know(10, .avro(AvroDocument(MessageSchema("Other", "", [.init(1, "n", .int64)]))))
        registry.know(11, .avro(AvroDocument(.string)))
        func framed(_ id: UInt8, _ rest: [UInt8]) -> [UInt8] { [0, 0, 0, 0, id] + rest }
        let cases: [([UInt8], [(String, String)], String)] = [
            (framed(99, [0]), [Self.type], "as application/octet-stream: there is no schema 99"),
            ([0, 0, 0], [Self.type], "as application/octet-stream: doesn't begin with 0 and the id of its schema"),
            (framed(9, [0]), [Self.type], "as application/octet-stream: schema 9 is of Other, not of Noted"),
            (framed(10, [0]), [Self.type], "as application/octet-stream: schema 10 is of Other, not of Noted"),
            (framed(11, [0]), [Self.type], "as application/octet-stream: schema 11 is of no record"),
            (framed(7, [2, 2]), [Self.type], "as application/octet-stream: schema 7 has no message [1]"),
            (framed(7, [0, 0x0a, 0]), [Self.type], "as application/octet-stream: /n has wire type 2 instead of 0"),
            (
                avro, [Self.type, ("content-type", "application/protobuf")],
                "as application/protobuf: schema 8 of this Noted is avro, its content type isn't"
            ),
            (
                protobuf, [Self.type, ("content-type", "avro/binary")],
                "as avro/binary: schema 7 of this Noted is protobuf, its content type isn't"
            ),
            (
                [2, 2], [Self.type, ("content-type", "avro/binary")],
                "as avro/binary: it names no schema (magic byte 0 and an id)"
            ),
            (protobuf, [], "ce_type is required beside a schema's id"),
        ]
        for (value, headers, expected) in cases {
            guard case .poison(let reason) = verdict(value, headers) else {
                Issue.record("\(value) is \(verdict(value, headers))")
                continue
            }
            #expect(reason == expected || reason == "the payload can't be read \(expected)", "\(reason)")
        }
    }

    /// A registry that is away makes nothing poison, and isn't asked for each record of a batch.
    @Test func whatCantBeAskedForIsNoPoison() throws {
        let protobuf = try payload(Self.json, .protobuf)
        registry.isAway = true
        let codecs = registry.codecs
        let before = registry.asked
        for _ in 0..<100 {
            guard case .unavailable(let reason) = verdict(protobuf, [Self.type], by: codecs) else {
                Issue.record("\(verdict(protobuf, [Self.type], by: codecs))")
                return
            }
            #expect(reason.hasPrefix("the payload can't be read as application/octet-stream: the "))
        }
        #expect(registry.asked - before < 100)
        registry.isAway = false
        // Known once, known for good.
        let knowing = registry.codecs
        guard case .event = verdict(protobuf, [Self.type], by: knowing) else {
            Issue.record("not read")
            return
        }
        registry.isAway = true
        guard case .event = verdict(protobuf, [Self.type], by: knowing) else {
            Issue.record("not read again")
            return
        }
    }

    /// Another version than ours is read as its writer wrote it; upcasters do the rest.
    @Test func otherVersionsAreReadByTheirWritersSchema() throws {
        let older = MessageSchema(
            "Noted", version: 1, "",
            [.init(1, "note", .text), .init(2, "total", .amount), .init(3, "at", .time), .optional(4, "more", .text)])
        registry.know(20, .protobuf(ProtoFile(older)))
        registry.know(21, .avro(AvroDocument(older)))
        let json = Array(#"{"note":"x","total":1.50,"at":"2026-01-31T12:00:00.000001Z"}"#.utf8)
        let plan = RecordPlan(older)
        let (protobuf, avro) = (PayloadBuffer(), PayloadBuffer())
        try json.withUnsafeBytes {
            try ProtobufEncoder.append($0, plan, to: protobuf)
            try AvroEncoder.append($0, plan, to: avro)
        }
        for value in [[0, 0, 0, 0, 20, 0] + protobuf.array(), [0, 0, 0, 0, 21] + avro.array()] {
            guard case .event(let message) = verdict(value, [Self.type, ("ce_schemaversion", "1")]) else {
                Issue.record("\(verdict(value, [Self.type, ("ce_schemaversion", "1")]))")
                continue
            }
            // Whose amount is a text: coders take it as one.
            let expected = #"{"note":"x","total":"1.50","at":"2026-01-31T12:00:00.000001Z"}"#
            #expect(try JSONValue(parsing: message.payload) == JSONValue(parsing: expected))
            #expect(message.schemaVersion == 1)
        }
    }

    @Test func relaysEncodeWhatTheirTopicHas() throws {
        let formats = try #require(TopicFormats("a=protobuf,b=avro"))
        let relay = try #require(
            RelayFormats(formats, codecs: registry.codecs, service: "test", logger: Logger(label: "test")))
        // One for all of them, refused ones too.
        let writer = relay.writer()
        func sent(_ json: String, _ topic: String, _ type: String = "Noted", _ version: Int = 2) -> [UInt8]? {
            Array(json.utf8).withUnsafeBytes {
                relay.encode($0, topic: topic, type: type, schemaVersion: version, by: writer)?.value
            }
        }
        #expect(try sent(Self.json, "a") == payload(Self.json, .protobuf))
        #expect(try sent(Self.json, "b") == payload(Self.json, .avro))
        #expect(try sent(Self.json, "a", "noted") == payload(Self.json, .protobuf))
        #expect(sent(Self.json, "c") == nil)
        // What can't be said is sent as it is.
        #expect(sent(Self.json, "a", "Unknown") == nil)
        #expect(sent(Self.json, "a", "Noted", 1) == nil)
        #expect(sent(#"{"n":1,"more":2}"#, "a") == nil)
        #expect(sent(#"{"n":"1"}"#, "b") == nil)
        // Nor may a record outgrow the size that it was let in by.
        #expect(sent("{}", "a") == nil)
    }

    @Test func aRelayWithoutIDsSendsJSON() throws {
        registry.isAway = true
        let relay = try #require(
            RelayFormats(
                TopicFormats(others: .protobuf), codecs: registry.codecs, service: "test", logger: Logger(label: "test")
            ))
        let sent = Array(Self.json.utf8).withUnsafeBytes {
            relay.encode($0, topic: "a", type: "Noted", schemaVersion: 2, by: relay.writer())?.value
        }
        #expect(sent == nil && registry.asked == 1)
        #expect(RelayFormats(.json, codecs: registry.codecs, service: "test", logger: Logger(label: "test")) == nil)
    }

    @Test(
        arguments: [
            ("json", "json"), ("protobuf", "protobuf"), ("a=avro", "a=avro"), (" a = avro , json ", "a=avro"),
            ("b=json,avro,a=protobuf", "avro,a=protobuf,b=json"), ("", nil), ("xml", nil), ("a=", nil), ("=avro", nil),
            ("a=avro,a=avro", nil), ("avro,json", nil), ("a b=avro", nil), ("avro,", nil), ("Avro", nil),
        ] as [(String, String?)])
    func formatsAreReadAndWritten(_ text: String, _ written: String?) {
        #expect(TopicFormats(text)?.text == written)
        if let written { #expect(TopicFormats(written) == TopicFormats(text)) }
    }

    @Test func formatsAreByTopic() throws {
        let formats = try #require(TopicFormats("b=json,avro,a=protobuf"))
        #expect(formats["a"] == .protobuf && formats["b"] == nil && formats["c"] == .avro && !formats.isJSON)
        #expect(TopicFormats.json["a"] == nil && TopicFormats.json.isJSON)
    }
}

extension SchemaPayloads {
    fileprivate func payload(ofJSON json: String, _ format: SchemaFormat) throws -> [UInt8] {
        try Array(json.utf8).withUnsafeBytes {
            try Writer(self).payload(ofJSON: $0, type: "Noted", version: 2, format: format)
        }
    }
}
