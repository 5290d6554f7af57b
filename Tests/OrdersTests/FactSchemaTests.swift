import JSON
import Schemas
import Testing

@testable import Orders

/// The schemas of our facts and commands say what their coders write and read.
@Suite struct FactSchemaTests {
    private func golden() -> [(payload: any MessagePayload, json: String)] {
        EveryFact.ofOrders.map { ($0.payload, $0.json) } + EveryFact.ofUsers.map { ($0.payload, $0.json) }
            + EveryFact.ofBatches.map { ($0.payload, $0.json) }
    }

    private func members(_ json: String) throws -> [JSONObject.Member] {
        try #require(try JSONValue(parsing: json).object).members
    }

    /// What is written is in the schema, in its order; what must be there is; and each optional member comes once.
    @Test func whatIsWrittenIsInTheSchema() throws {
        var written: [String: Set<String>] = [:]
        var optional: [String: Set<String>] = [:]
        for (payload, json) in golden() {
            let schema = try type(of: payload).schema
            #expect(schema.type == type(of: payload).type && schema.version == type(of: payload).version)
            try expect(try JSONValue(parsing: json), is: .record(schema.record), at: schema.type)
            written[schema.type, default: []].formUnion(try members(json).map(\.name))
            optional[schema.type] = Set(schema.fields.map(\.name))
        }
        #expect(written == optional, "a member of a schema is never written, or there is no sample that has it")
        let catalogue = try EveryFact.catalogue()
        #expect(try catalogue.schemas.count == catalogue.all.count)
    }

    private func expect(_ value: JSONValue, is type: SchemaType, at place: String) throws {
        switch type {
        case .text: #expect(value.string != nil, "\(place)")
        case .bool: #expect(value.bool != nil, "\(place)")
        case .int32: #expect(value.int64.flatMap { Int32(exactly: $0) } != nil, "\(place)")
        case .int64: #expect(value.int64 != nil, "\(place)")
        case .double, .amount: #expect(value.number != nil, "\(place)")
        case .time:
            let time = value.string.flatMap { RFC3339.microseconds($0) }
            #expect(time.map { RFC3339.text($0) } == value.string, "\(place)")
        case .json: break
        case .list(let element):
            for value in try #require(value.array, "\(place)") { try expect(value, is: element, at: place) }
        case .record(let record):
            let members = try #require(value.object, "\(place)").members
            let known = record.fields.map(\.name).filter { name in members.contains { $0.name == name } }
            #expect(members.map(\.name) == known, "\(place)")
            for field in record.fields where !field.isOptional {
                #expect(members.contains { $0.name == field.name }, "\(place)/\(field.name)")
            }
            for member in members {
                guard let field = record[member.name] else { continue }
                try expect(member.value, is: field.type, at: "\(place)/\(member.name)")
            }
        }
    }

    /// A writer that knows no optional member is understood.
    @Test func whatMustBeThereIsEnough() throws {
        let catalogue = try EveryFact.catalogue()
        for (payload, json) in golden() {
            let type = type(of: payload)
            var bare = JSONObject()
            for member in try members(json) where try type.schema.record[member.name]?.isOptional == false {
                bare[member.name] = member.value
            }
            let bytes = JSONValue.object(bare).bytes
            let read = try catalogue.decode(type.type, EncodedPayload(bytes, schemaVersion: type.version))
            #expect(read?.key == payload.key, "\(type.type)")
        }
    }

    // MARK: Of Codable structs

    private struct Gift: OrderFact, Codable {
        enum Paper: String, Codable, CaseIterable { case plain, fancy }
        struct Card: Hashable, Codable, Sendable {
            var text: String
            var lines: [String]?
        }

        static let type = "GiftWrapped"
        static let version = 3
        let orderID: String
        let count: Int8
        let total: UInt64
        let share: Double
        let paper: Paper
        let card: Card?
        let cards: [Card]
        let bits: [[Bool]]
        let gaps: [Int?]
        let extra: [String: Int]
        let isGift: Bool
        let note: String?
        @WireTime var at: Int64
    }

    @Test func aStructIsItsOwnSchema() throws {
        let card = RecordSchema("Card", [.init(1, "text", .text), .optional(2, "lines", .list(.text))])
        let schema = try Gift.schema
        #expect(schema.type == "GiftWrapped" && schema.version == 3)
        #expect(
            schema.fields == [
                .init(1, "orderId", .text), .init(2, "count", .int32), .init(3, "total", .int64),
                .init(4, "share", .double), .init(5, "paper", .text), .optional(6, "card", .record(card)),
                .init(7, "cards", .list(.record(card))), .init(8, "bits", .list(.list(.bool))),
                .init(9, "gaps", .list(.json)), .init(10, "extra", .json), .init(11, "isGift", .bool),
                .optional(12, "note", .text), .init(13, "at", .time),
            ])
        try schema.validate()
        let gift = Gift(
            orderID: "o", count: 1, total: 2, share: 0.5, paper: .fancy, card: .init(text: "t", lines: ["l"]),
            cards: [.init(text: "u", lines: nil)], bits: [[true]], gaps: [nil, 1], extra: ["a": 1], isGift: true,
            note: "n", at: 1)
        try expect(JSONValue(parsing: gift.payload()), is: .record(schema.record), at: "GiftWrapped")
    }

    private struct Tree: Codable, Hashable { var branches: [Tree] }

    private struct Planted: OrderFact, Codable {
        static let type = "Planted"
        let orderID: String
        let tree: Tree
        @WireTime var at: Int64
    }

    private struct Chosen: OrderFact, Codable {
        enum Kind: String, Codable { case one, two }
        static let type = "Chosen"
        let orderID: String
        let kind: Kind
        @WireTime var at: Int64
    }

    private struct Declared: OrderFact, Codable {
        enum Kind: String, Codable { case one, two }
        static let type = "Declared"
        static let schema = MessageSchema("Declared", "", [.init(1, "orderId", .text), .init(2, "kind", .text)])
        let orderID: String
        let kind: Kind
        var at: Int64 { 0 }
    }

    @Test func whatACoderDoesNotSayIsAsked() throws {
        for (type, place) in [(Planted.self as any OrderFact.Type, "/tree/branches"), (Chosen.self, "/kind")] {
            #expect("\(type)") { _ = try FactCatalogue([type]).schemas } throws: {
                "\($0)".contains(place) && "\($0)".contains("declare `static let schema`")
            }
        }
        #expect(try FactCatalogue([Declared.self] as [any MessagePayload.Type]).schemas == [Declared.schema])
    }
}
