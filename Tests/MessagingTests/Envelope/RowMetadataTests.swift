import JSON
import Randomness
import Testing

@testable import Messaging

/// What an outbox keeps of an event's metadata is all that its record says.
@Suite struct RowMetadataTests {
    private static let uuid = "0199aa00-0000-7fff-8000-00000000000a"
    private static let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    /// The record that a relay makes of it.
    private static func record(_ metadata: [UInt8]) throws -> [String: String] {
        var encoder = RelayEncoder(source: .outbox, signatures: nil)
        let message = try metadata.withUnsafeBytes { metadata in
            try Array("k".utf8).withUnsafeBytes { key in
                try Array("{}".utf8).withUnsafeBytes { data in
                    try encoder.event(
                        topic: "t", key: key, type: "Happened", schemaVersion: 1, streamVersion: nil, data: data,
                        metadata: metadata)
                }
            }
        }
        var headers: [String: String] = [:]
        message.headers.forEach { headers[String(decoding: $0, as: UTF8.self)] = String(decoding: $1, as: UTF8.self) }
        return headers
    }

    private static func shortened(_ text: String) -> String {
        var json: [UInt8] = []
        ShortText.append(text, to: &json)
        return String(decoding: json, as: UTF8.self)
    }

    private static func text(of json: String) throws -> String {
        var text = ""
        try Array(json.utf8).withUnsafeBytes { bytes in
            var reader = JSONReader(bytes)
            try reader.readText { try ShortText.read($0) { text = String(decoding: $0, as: UTF8.self) } }
        }
        return text
    }

    @Test func digitsAreShort() throws {
        #expect(Self.shortened(Self.uuid) == #""~AZmqAAAAf_-AAAAAAAAACg""#)
        #expect(Self.shortened(Self.trace).utf8.count == 37)
        #expect(Self.shortened("/orderflow/payment") == #""/orderflow/payment""#)
    }

    /// Texts that are nearly UUIDs, or look like what stands for one, come back as they were.
    @Test(arguments: [
        "", "~", "^", "=", "~~", "=~x", "a\"\\\n\u{1}b", "ä\u{1F600}", uuid, trace, uuid.uppercased(), "~" + uuid,
        "=" + trace, String(uuid.dropLast()) + "g", String(uuid.dropFirst()) + "-", uuid.replacing("-", with: "0"),
        "01" + trace.dropFirst(2), String(repeating: "-", count: 36), String(repeating: "-", count: 55),
        String(repeating: "0", count: 55), "~AZmqAAAAf_-AAAAAAAAACg",
    ])
    func everyTextComesBack(text: String) throws {
        #expect(try Self.text(of: Self.shortened(text)) == text)
    }

    @Test func aRecordSaysWhatItSaysOfAnObject() throws {
        var generator = SeededGenerator.fromEnvironment("aRecordSaysWhatItSaysOfAnObject")
        func digits(_ count: Int) -> String {
            String((0..<count).map { _ in "0123456789abcdef".randomElement(using: &generator) ?? "0" })
        }
        func text() -> String {
            switch Int.random(in: 0..<5, using: &generator) {
            case 0: "\(digits(8))-\(digits(4))-\(digits(4))-\(digits(4))-\(digits(12))"
            case 1: "00-\(digits(32))-\(digits(16))-\(digits(2))"
            case 2: String("~^=\"\\ä- ".shuffled(using: &generator).prefix(3)) + digits(4)
            case 3: digits(Int.random(in: 0..<60, using: &generator))
            default: "/orderflow/payment"
            }
        }
        func maybe<Value>(_ value: Value) -> Value? { Bool.random(using: &generator) ? value : nil }
        for _ in 0..<2_000 {
            let metadata = EventMetadata(
                id: text(), source: text(), time: Int64.random(in: .min ... .max, using: &generator), tenant: text(),
                correlationID: text(), causationID: maybe(text()), traceparent: maybe(text()), actor: maybe(text()),
                requestDigest: maybe(text()), batch: maybe(text()), batchLine: maybe(7),
                priority: Priority.allCases.randomElement(using: &generator) ?? .ordinary,
                expiresAt: maybe(Int64.random(in: RFC3339.range, using: &generator)))
            #expect(
                try Self.record(metadata.row()) == Self.record(metadata.json()), "\(metadata), seed \(generator.seed)")
        }
    }

    @Test func itIsHalfAsLong() {
        let metadata = EventMetadata(
            id: Self.uuid, source: "/orderflow/payment", time: 1_764_400_000_123_456, correlationID: Self.uuid,
            causationID: Self.uuid, traceparent: Self.trace)
        #expect(metadata.row().count == 165 && metadata.json().count == 311)
    }

    /// A later version's members are passed over; what is damaged is an error, and no record.
    @Test func whatIsNotUnderstoodIsNoRecord() throws {
        let row = #"["a","/s",0,"t","c",null,null,null,null,null,null,null,null,{"later":[1]},"x"]"#
        let headers = try Self.record(Array(row.utf8))
        #expect(headers["ce_id"] == "a" && headers["ce_time"] == "1970-01-01T00:00:00.000000Z")
        for damaged in [#"["~short"]"#, #"["~AZmqAAAAf_-AAAAAAAAA!g"]"#, #"["^"]"#, #"["a""#, #"[true]"#, "null"] {
            #expect(throws: (any Error).self, "\(damaged)") { try Self.record(Array(damaged.utf8)) }
        }
    }
}
