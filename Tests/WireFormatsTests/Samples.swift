import JSON
import Schemas

@testable import WireFormats

/// A message with a member of every type, and what is done with it in tests.
enum Samples {
    static let line = RecordSchema("Line", [.init(1, "sku", .text), .init(2, "qty", .int64)])

    /// Numbers that neither rise nor are close together.
    static let schema = MessageSchema(
        "Sample", "Has everything.",
        [
            .init(3, "orderId", .text),
            .init(1, "count", .int32),
            .init(2, "size", .int64),
            .init(70, "ratio", .double),
            .init(5, "whole", .bool),
            .init(6, "total", .amount),
            .init(7, "at", .time),
            .init(8, "items", .list(.record(line))),
            .init(9, "numbers", .list(.int64)),
            .init(10, "tags", .list(.text)),
            .init(11, "any", .json),
            .init(12, "line", .record(line)),
            .optional(13, "email", .text),
            .optional(14, "sealed", .bool),
            .optional(15, "until", .time),
            .optional(16, "weight", .double),
            .optional(17, "gift", .record(line)),
            .optional(200, "small", .int32),
            .optional(201, "extra", .json),
            .init(202, "grid", .list(.list(.int32))),
            .init(203, "ratios", .list(.double)),
            .init(204, "times", .list(.time)),
        ])

    static let plan = RecordPlan(schema)
    static let document = AvroDocument(schema)
    static let limit = 1 << 20

    static let full = """
        {"orderId":"o-1 \\"ü\\" \\u0001","count":-1,"size":9223372036854775807,"ratio":0.1,"whole":true,"total":49.90,\
        "at":"2026-01-31T12:00:00.123456Z","items":[{"sku":"A","qty":2},{"sku":"","qty":0}],"numbers":[3,-270,86942],\
        "tags":["a",""],"any":{"b":[1,null]},"line":{"sku":"L","qty":-5},"email":"","sealed":false,\
        "until":"1969-12-31T23:59:59.999999Z","weight":1e+20,"gift":{"sku":"G","qty":1},"small":0,"extra":"x",\
        "grid":[[1,2],[]],"ratios":[1.5,0.0],"times":["1970-01-01T00:00:00.000000Z"]}
        """
    /// Zeros, nothing optional.
    static let least = """
        {"orderId":"","count":0,"size":0,"ratio":0.0,"whole":false,"total":0,"at":"1970-01-01T00:00:00.000000Z","items":[],\
        "numbers":[],"tags":[],"any":null,"line":{"sku":"","qty":0},"grid":[],"ratios":[],"times":[]}
        """

    static func protobuf(_ json: String, _ plan: RecordPlan = plan) throws -> [UInt8] {
        let buffer = PayloadBuffer()
        try Array(json.utf8).withUnsafeBytes { try ProtobufEncoder.append($0, plan, to: buffer) }
        return buffer.array()
    }

    static func avro(_ json: String, _ plan: RecordPlan = plan) throws -> [UInt8] {
        let buffer = PayloadBuffer()
        try Array(json.utf8).withUnsafeBytes { try AvroEncoder.append($0, plan, to: buffer) }
        return buffer.array()
    }

    static func json(protobuf bytes: [UInt8], _ plan: RecordPlan = plan, limit: Int = limit) throws -> String {
        String(decoding: try bytes.withUnsafeBytes { try ProtobufDecoder.json($0, plan, limit: limit) }, as: UTF8.self)
    }

    static func json(
        avro bytes: [UInt8], by writer: AvroDocument = document, _ plan: RecordPlan = plan, limit: Int = limit
    ) throws -> String {
        let plan = try AvroPlan(writer, as: plan)
        let json = try bytes.withUnsafeBytes { try AvroDecoder.json($0, by: plan, limit: limit) }
        return String(decoding: json, as: UTF8.self)
    }

    /// What the JSON says, whatever the order of its members.
    static func meaning(_ json: String) throws -> JSONValue { try JSONValue(parsing: json) }
}
