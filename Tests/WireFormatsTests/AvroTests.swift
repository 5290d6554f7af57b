import JSON
import Schemas
import Testing

@testable import WireFormats

/// Avro's binary encoding, by the examples of its specification (1.12) and by its rules.
@Suite struct AvroTests {
    private static func plan(_ fields: SchemaField...) -> RecordPlan { RecordPlan(MessageSchema("T", "", fields)) }

    private static func writer(_ fields: (String, AvroSchema)...) -> AvroDocument {
        AvroDocument(.record(AvroRecord("x.T", fields.map { AvroField($0.0, $0.1) })))
    }

    @Test func theExamplesOfTheSpecification() throws {
        let cases: [([SchemaField], String, [UInt8])] = [
            ([.init(1, "a", .int64), .init(2, "b", .text)], #"{"a":27,"b":"foo"}"#, [0x36, 0x06, 0x66, 0x6f, 0x6f]),
            ([.init(1, "l", .list(.int64))], #"{"l":[3,27]}"#, [0x04, 0x06, 0x36, 0x00]),
            ([.optional(1, "u", .text)], "{}", [0x00]),
            ([.optional(1, "u", .text)], #"{"u":"a"}"#, [0x02, 0x02, 0x61]),
            (
                [.init(1, "i", .list(.int32))], #"{"i":[0,-1,1,-2,2,-64,64]}"#,
                [0x0e, 0x00, 0x01, 0x02, 0x03, 0x04, 0x7f, 0x80, 0x01, 0x00]
            ),
        ]
        for (fields, json, bytes) in cases {
            let schema = MessageSchema("T", "", fields)
            #expect(try Samples.avro(json, RecordPlan(schema)) == bytes, "\(json)")
            let back = try Samples.json(avro: bytes, by: AvroDocument(schema), RecordPlan(schema))
            #expect(try Samples.meaning(back) == Samples.meaning(json))
        }
    }

    @Test func everythingComesBack() throws {
        for json in [Samples.full, Samples.least] {
            #expect(try Samples.meaning(Samples.json(avro: Samples.avro(json))) == Samples.meaning(json))
        }
        // In whatever order the members come.
        let plan = Self.plan(.init(9, "a", .text), .optional(2, "b", .int64), .init(5, "c", .bool))
        #expect(try Samples.avro(#"{"c":true,"a":"x"}"#, plan) == [2, 0x78, 0, 1])
        #expect(try Samples.avro(#"{"c":true,"b":1,"a":"x"}"#, plan) == [2, 0x78, 2, 2, 1])
    }

    /// By the rules of "Schema Resolution".
    @Test func otherWritersAreRead() throws {
        let plan = Self.plan(
            .init(1, "n", .int64), .init(2, "s", .text), .optional(3, "t", .time), .optional(4, "m", .amount),
            .optional(5, "d", .double), .optional(6, "l", .list(.text)))
        let map = AvroSchema.map(.array(.int))
        let node = AvroSchema.record(AvroRecord("x.Node", [AvroField("next", .union([.null, .named("x.Node")]))]))
        let cases: [(String, AvroDocument, [UInt8], String)] = [
            ("in another order", Self.writer(("s", .string), ("n", .int)), [2, 0x78, 4], #"{"s":"x","n":2}"#),
            ("bytes are text", Self.writer(("s", .bytes)), [2, 0x78], #"{"s":"x"}"#),
            ("an int is any number", Self.writer(("n", .int), ("d", .int)), [1, 3], #"{"n":-1,"d":-2}"#),
            ("floats", Self.writer(("d", .float)), [0, 0, 0xc0, 0x3f], #"{"d":1.5}"#),
            ("an amount without a fraction", Self.writer(("m", .long)), [0x80, 1], #"{"m":64}"#),
            (
                "milliseconds", Self.writer(("t", .logical(AvroLogicalType("timestamp-millis"), .long))), [2],
                #"{"t":"1970-01-01T00:00:00.001000Z"}"#
            ),
            (
                "nanoseconds", Self.writer(("t", .logical(AvroLogicalType("timestamp-nanos"), .long))), [0xd0, 0x0f],
                #"{"t":"1970-01-01T00:00:00.000001Z"}"#
            ),
            (
                "unions in any order", Self.writer(("t", .union([.string, .null])), ("s", .union([.long, .string]))),
                [2, 2, 2, 0x78], #"{"s":"x"}"#
            ),
            (
                "blocks with their size", Self.writer(("l", .array(.string))), [3, 8, 2, 0x61, 2, 0x62, 2, 2, 0x63, 0],
                #"{"l":["a","b","c"]}"#
            ),
            (
                "what we haven't",
                Self.writer(
                    ("0", .null), ("1", .boolean), ("2", .int), ("3", .long), ("4", .float), ("5", .double),
                    ("6", .bytes), ("7", .string), ("8", map), ("9", .union([.null, .int])),
                    ("a", .fixed(AvroFixed("x.F", size: 2))), ("b", .enumeration(AvroEnumeration("x.E", ["A", "B"]))),
                    ("c", node), ("n", .long)),
                [1, 2, 2] + [0, 0, 0, 0] + [0, 0, 0, 0, 0, 0, 0, 0] + [2, 9, 2, 0x78]
                    + [2, 2, 0x6b, 4, 2, 4, 0, 0] + [2, 4] + [7, 7] + [2] + [2, 2, 0] + [6],
                #"{"n":3}"#
            ),
        ]
        for (name, writer, bytes, json) in cases {
            #expect(try Samples.json(avro: bytes, by: writer, plan) == json, "\(name)")
        }
    }

    @Test func whatIsWrongIsSaidAndWhere() throws {
        let plan = Self.plan(
            .optional(1, "s", .text), .optional(2, "n", .int32), .optional(3, "b", .bool), .optional(4, "t", .time),
            .optional(5, "m", .amount), .optional(6, "d", .double), .optional(7, "l", .list(.int32)))
        let node = AvroSchema.record(AvroRecord("x.Node", [AvroField("next", .array(.named("x.Node")))]))
        let cases: [(AvroDocument, [UInt8], String)] = [
            (Self.writer(("s", .string)), [], "/s ends too early"),
            (Self.writer(("s", .string)), [1], "/s has a negative length"),
            (Self.writer(("s", .string)), [0x80, 0x80, 0x80, 0x80, 0x80, 0x20], "/s ends too early"),
            (Self.writer(("s", .string)), [2, 0xff], "/s must be UTF-8"),
            (Self.writer(("s", .string)), [2, 0x78, 0], "has 1 bytes after its end"),
            (Self.writer(("s", .long)), [2], "/s is of another type in its writer's schema"),
            (Self.writer(("n", .long)), [0x80, 0x80, 0x80, 0x80, 0x20], "/n is out of range"),
            (Self.writer(("b", .boolean)), [2], "/b must be true or false"),
            (Self.writer(("n", .union([.null, .int]))), [4], "/n has no branch 2"),
            (Self.writer(("n", .union([.null, .int]))), [1], "/n has no branch -1"),
            (
                Self.writer(("t", .logical(AvroLogicalType("timestamp-millis"), .long))),
                [UInt8](repeating: 0xff, count: 9) + [0x01], "/t must be a time from the year 1 to 9999"
            ),
            (Self.writer(("m", .string)), [2, 0x78], "/m must be a decimal number"),
            (
                Self.writer(("m", .logical(AvroLogicalType("decimal", precision: 9, scale: 2), .bytes))), [2, 1],
                "/m is a binary decimal in its writer's schema, and decimal text here"
            ),
            (Self.writer(("d", .double)), [0, 0, 0, 0, 0, 0, 0xf0, 0x7f], "/d is no number"),
            (Self.writer(("l", .array(.int))), [2], "/l ends too early"),
            (Self.writer(("x", .named("x.Nowhere"))), [], "has a type that isn't declared"),
            (
                Self.writer(("x", node)), [UInt8](repeating: 2, count: 100), "has values too deep in each other"
            ),
            // 2^62 values that have no bytes.
            (
                Self.writer(("x", .array(.null))), [UInt8](repeating: 0xfe, count: 8) + [0x7f],
                "has more than 65536 empty values"
            ),
        ]
        for (writer, bytes, reason) in cases {
            do {
                Issue.record("\(bytes) is \(try Samples.json(avro: bytes, by: writer, plan))")
            } catch {
                #expect("\(error)" == reason, "\(bytes)")
            }
        }
    }
}
