import JSON
import Schemas
import Testing

@testable import WireFormats

/// The wire format of Protocol Buffers, by the examples of its documentation ("Encoding", protobuf.dev) and by its rules.
@Suite struct ProtobufTests {
    private static func plan(_ fields: SchemaField...) -> RecordPlan { RecordPlan(MessageSchema("T", "", fields)) }

    @Test func theExamplesOfTheDocumentation() throws {
        let cases: [(RecordPlan, String, [UInt8])] = [
            (Self.plan(.init(1, "a", .int32)), #"{"a":150}"#, [0x08, 0x96, 0x01]),
            (
                Self.plan(.init(2, "b", .text)), #"{"b":"testing"}"#,
                [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]
            ),
            (
                Self.plan(.init(3, "c", .record(RecordSchema("C", [.init(1, "a", .int32)])))), #"{"c":{"a":150}}"#,
                [0x1a, 0x03, 0x08, 0x96, 0x01]
            ),
            (
                Self.plan(.init(4, "d", .text), .init(6, "e", .list(.int32))), #"{"d":"hello","e":[1,2,3]}"#,
                [0x22, 0x05, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x32, 0x03, 0x01, 0x02, 0x03]
            ),
            (
                Self.plan(.init(6, "f", .list(.int32))), #"{"f":[3,270,86942]}"#,
                [0x32, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05]
            ),
            (
                Self.plan(.init(1, "a", .int32)), #"{"a":-2}"#,
                [0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]
            ),
        ]
        for (plan, json, bytes) in cases {
            #expect(try Samples.protobuf(json, plan) == bytes, "\(json)")
            #expect(try Samples.meaning(Samples.json(protobuf: bytes, plan)) == Samples.meaning(json))
        }
    }

    @Test func everythingComesBack() throws {
        for json in [Samples.full, Samples.least] {
            let bytes = try Samples.protobuf(json)
            #expect(try Samples.meaning(Samples.json(protobuf: bytes)) == Samples.meaning(json))
        }
        // Zeros have no bytes but where the schema tells a difference; messages always have.
        let least = try Samples.protobuf(Samples.least)
        #expect(least == [0x32, 1, 0x30, 0x3a, 0, 0x5a, 4] + Array("null".utf8) + [0x62, 0])
    }

    /// Members come in any order; fields go by rising numbers.
    @Test func orderIsTheSchemas() throws {
        let plan = Self.plan(.init(9, "a", .text), .init(2, "b", .int64), .optional(5, "c", .bool))
        let bytes: [UInt8] = [0x10, 1, 0x28, 0, 0x4a, 1, 0x78]
        for json in [
            #"{"a":"x","b":1,"c":false}"#, #"{"c":false,"b":1,"a":"x"}"#, #"{"b":1,"c":false,"a":"x"}"#,
            #"{"b":1,"a":"x","c":false}"#,
        ] {
            #expect(try Samples.protobuf(json, plan) == bytes, "\(json)")
        }
        #expect(try Samples.json(protobuf: bytes, plan) == #"{"a":"x","b":1,"c":false}"#)
        // As do those of one message in another, whose length takes more than a byte.
        let long = String(repeating: "y", count: 300)
        let outer = Self.plan(
            .init(1, "r", .record(RecordSchema("R", [.init(2, "z", .text), .init(1, "y", .text)]))))
        let one = try Samples.protobuf(#"{"r":{"z":"\#(long)","y":"\#(long)"}}"#, outer)
        #expect(try one == Samples.protobuf(#"{"r":{"y":"\#(long)","z":"\#(long)"}}"#, outer))
        #expect(one.count == 3 + 2 * 303 && one.prefix(4) == [0x0a, 0xde, 0x04, 0x0a])
    }

    @Test(arguments: [
        (#"{"a":1}"#, "/n is required"), (#"{"n":1,"x":2}"#, "/x is no member of the schema"),
        (#"{"n":null}"#, "/n must be a whole number, not null (byte 5)"),
        (#"{"n":2147483648}"#, "/n is out of range"), (#"{"n":1,"t":"tomorrow"}"#, "/t must be an RFC 3339 time"),
        (#"{"n":1,"d":1e999}"#, "/d is beyond binary64"), (#"{"n":1,"m":"1,5"}"#, "/m must be a number"),
        (#"{"n":1,"l":[]}"#, "/l must not be empty"),
        (#"{"n":1,"r":{"s":1}}"#, "/r/s must be a string, not a number (byte 16)"),
    ])
    func whatTheSchemaCantSayIsRefused(_ json: String, _ reason: String) {
        let record = RecordSchema("R", [.init(1, "s", .text)])
        let plan = Self.plan(
            .init(1, "n", .int32), .optional(2, "t", .time), .optional(3, "d", .double), .optional(4, "m", .amount),
            .optional(5, "l", .list(.int32)), .optional(6, "r", .record(record)), .optional(7, "a", .int32))
        for encode in [Samples.protobuf, Samples.avro] as [(String, RecordPlan) throws -> [UInt8]] {
            do {
                _ = try encode(json, plan)
                // Avro tells an empty list from none.
                #expect(reason.hasSuffix("empty"), "\(json)")
            } catch {
                #expect("\(error)" == reason)
            }
        }
    }

    /// As the format asks of readers.
    @Test func readersTakeWhatWritersMaySend() throws {
        let record = RecordSchema("R", [.init(1, "s", .text), .init(2, "n", .int64)])
        let plan = Self.plan(
            .init(1, "a", .int64), .init(2, "l", .list(.int64)), .init(3, "r", .record(record)),
            .optional(4, "t", .time), .init(5, "b", .bool))
        let cases: [(String, [UInt8], String)] = [
            ("nothing at all", [], #"{"a":0,"l":[],"b":false}"#),
            ("the last one counts", [0x08, 1, 0x08, 2], #"{"a":2,"l":[],"b":false}"#),
            ("packed, not packed, both", [0x10, 1, 0x12, 2, 2, 3, 0x10, 4], #"{"a":0,"l":[1,2,3,4],"b":false}"#),
            (
                "messages are merged", [0x1a, 2, 0x10, 1, 0x08, 7, 0x1a, 3, 0x0a, 1, 0x78],
                #"{"a":7,"l":[],"r":{"s":"x","n":1},"b":false}"#
            ),
            ("any order", [0x28, 1, 0x08, 9], #"{"a":9,"l":[],"b":true}"#),
            (
                "any order in a message in order", [0x08, 9, 0x1a, 5, 0x10, 1, 0x0a, 1, 0x78, 0x28, 1],
                #"{"a":9,"l":[],"r":{"s":"x","n":1},"b":true}"#
            ),
            (
                "a list that goes on behind others", [0x10, 1, 0x30, 0, 0x10, 2, 0x28, 1, 0x10, 3],
                #"{"a":0,"l":[1,2,3],"b":true}"#
            ),
            (
                "what the last one replaces may be wrong", [0x1a, 6, 0x0a, 1, 0xff, 0x0a, 1, 0x78],
                #"{"a":0,"l":[],"r":{"s":"x","n":0},"b":false}"#
            ),
            (
                "unknown fields of each kind",
                [0x30, 0x80, 0x01, 0x39, 1, 2, 3, 4, 5, 6, 7, 8, 0x42, 1, 0xff, 0x4d, 1, 2, 3, 4]
                    + [0x53, 0x0a, 1, 0, 0x5b, 0x5c, 0x54] + [0x08, 5],
                #"{"a":5,"l":[],"b":false}"#
            ),
            ("numbers with bytes to spare", [0x08, 0x81, 0x80, 0x00, 0x28, 0x80, 0x02], #"{"a":1,"l":[],"b":true}"#),
            (
                "nanoseconds are cut", [0x22, 6, 0x10, 0xff, 0x93, 0xeb, 0xdc, 0x03],
                #"{"a":0,"l":[],"t":"1970-01-01T00:00:00.999999Z","b":false}"#
            ),
        ]
        for (name, bytes, json) in cases {
            #expect(try Samples.json(protobuf: bytes, plan) == json, "\(name)")
        }
    }

    @Test func whatIsWrongIsSaidAndWhere() throws {
        let record = RecordSchema("R", [.init(1, "s", .text)])
        let plan = Self.plan(
            .init(1, "a", .int32), .init(2, "s", .text), .init(3, "r", .list(.record(record))), .init(4, "t", .time),
            .init(5, "m", .amount), .init(6, "j", .json), .init(7, "d", .double))
        let cases: [([UInt8], String)] = [
            ([0x08], "ends too early"), ([0x12, 5, 0x61], "ends too early"),
            ([0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], "ends too early"),
            ([0x08] + [UInt8](repeating: 0xff, count: 10), "has a number of more than 64 bits"),
            ([0x00], "has 0 where a field begins"), ([0x07], "has 7 where a field begins"),
            ([0x0e], "has 14 where a field begins"),
            ([0x0c], "ends a group that it hasn't begun"), ([0x4b, 0x54], "ends a group that it hasn't begun"),
            ([UInt8](repeating: 0x4b, count: 40), "has groups too deep in each other"),
            ([0x08, 0x80, 0x80, 0x80, 0x80, 0x08], "/a is out of range"),
            ([0x0a, 0], "/a has wire type 2 instead of 0"), ([0x10, 1], "/s has wire type 0 instead of 2"),
            ([0x12, 1, 0xff], "/s must be UTF-8"), ([0x1a, 3, 0x0a, 1, 0xff], "/r/s must be UTF-8"),
            ([0x22, 2, 0x10, 0x7f, 0x12, 1, 0xff], "/s must be UTF-8"),
            ([0x22, 2, 0x08, 0xff], "/t ends too early"), ([0x22, 1, 0x09], "/t is no google.protobuf.Timestamp"),
            (
                [0x22, 11, 0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
                "/t must be a time from the year 1 to 9999"
            ),
            (
                [0x22, 10, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
                "/t must be a time from the year 1 to 9999"
            ),
            ([0x2a, 1, 0x78], "/m must be a decimal number"), ([0x2a, 2, 0x30, 0x31], "/m must be a decimal number"),
            ([0x32, 1, 0x7b], "/j must be JSON"),
            ([0x39, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f], "/d is no number"),
        ]
        for (bytes, reason) in cases {
            do {
                Issue.record("\(bytes) is \(try Samples.json(protobuf: bytes, plan))")
            } catch {
                #expect("\(error)" == reason, "\(bytes)")
            }
        }
    }

    /// What unpacks to much is refused on the way.
    @Test func whatUnpacksIsBounded() throws {
        let plan = Self.plan(.init(1, "r", .list(.record(Samples.line))))
        let many = [UInt8]((0..<10_000).flatMap { _ in [0x0a, 0] as [UInt8] })
        #expect(try Samples.json(protobuf: many, plan).utf8.count > 150_000)
        #expect(throws: WireFormatError.self) { try Samples.json(protobuf: many, plan, limit: 10_000) }
        let numbers = Self.plan(.init(1, "n", .list(.int64)))
        #expect(throws: WireFormatError.self) {
            try Samples.json(
                protobuf: [0x0a, 0x90, 0x4e] + [UInt8](repeating: 1, count: 10_000), numbers, limit: 1_000)
        }
    }
}
