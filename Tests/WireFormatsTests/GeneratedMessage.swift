import JSON
import Randomness
import Schemas

/// A schema and a payload of it, made up.
struct GeneratedMessage {
    let schema: MessageSchema
    /// As coders write it.
    let json: JSONValue

    init(_ name: String = "Message", using random: inout SeededGenerator) {
        var records = 0
        let record = Self.record(name, &records, depth: 0, &random)
        schema = MessageSchema(name, "Made up.", record.fields)
        json = Self.object(record, &random)
    }

    // MARK: Schemas

    private static func record(
        _ name: String, _ records: inout Int, depth: Int, _ random: inout SeededGenerator
    ) -> RecordSchema {
        let count = Int.random(in: depth == 0 ? 1...12 : 0...4, using: &random)
        var numbers = Set<Int>()
        while numbers.count < count {
            numbers.insert(Int.random(in: 1...(Bool.random(using: &random) ? 15 : 5_000), using: &random))
        }
        let fields = numbers.shuffled(using: &random).enumerated().map { index, number in
            let type = type(&records, depth: depth, &random)
            // Protocol Buffers have no word for a list that may be missing.
            var isList = false
            if case .list = type { isList = true }
            return SchemaField(
                number, "member\(index)Of\(name)", type, isOptional: !isList && Bool.random(using: &random))
        }
        return RecordSchema(name, fields)
    }

    private static func type(
        _ records: inout Int, depth: Int, _ random: inout SeededGenerator
    ) -> SchemaType {
        switch Int.random(in: 0..<(depth < 3 ? 11 : 8), using: &random) {
        case 0: return .text
        case 1: return .bool
        case 2: return .int32
        case 3: return .int64
        case 4: return .double
        case 5: return .time
        case 6: return .amount
        case 7: return .json
        case 8, 9:
            records += 1
            return .record(record("Record\(records)", &records, depth: depth + 1, &random))
        default:
            // Of lists of lists the inner ones are of what JSON and both formats write alike.
            if Int.random(in: 0..<5, using: &random) == 0 { return .list(.list(.int64)) }
            var element = type(&records, depth: depth + 1, &random)
            while case .list(let inner) = element { element = inner }
            return .list(element)
        }
    }

    // MARK: Values

    private static func object(_ record: RecordSchema, _ random: inout SeededGenerator) -> JSONValue {
        var object = JSONObject()
        // Members come in any order.
        let isShuffled = Bool.random(using: &random)
        for field in isShuffled ? record.fields.shuffled(using: &random) : record.fields
        where !field.isOptional || Bool.random(using: &random) {
            object[field.name] = value(field.type, &random)
        }
        return .object(object)
    }

    private static func value(_ type: SchemaType, _ random: inout SeededGenerator) -> JSONValue {
        switch type {
        case .text: return .string(text(&random))
        case .bool: return .bool(Bool.random(using: &random))
        case .int32: return .number(JSONNumber(Int64(Int32(truncatingIfNeeded: integer(&random)))))
        case .int64: return .number(JSONNumber(integer(&random)))
        case .double:
            let number = Double(bitPattern: UInt64(bitPattern: integer(&random)))
            return .number(JSONNumber("\(number.isFinite ? number : 0.1)") ?? JSONNumber(0))
        case .amount:
            let digits = Int64.random(in: 0..<1_000_000_000, using: &random)
            let text = Bool.random(using: &random) ? "\(digits)" : "\(digits).\(Int.random(in: 0...99, using: &random))"
            return .number(JSONNumber(text) ?? JSONNumber(0))
        case .json:
            return ["a": [.string(text(&random)), .null], "b": .number(JSONNumber(integer(&random)))]
        case .time:
            let times = Bool.random(using: &random) ? 1_700_000_000_000_000...1_900_000_000_000_000 : RFC3339.range
            return .string(RFC3339.text(Int64.random(in: times, using: &random)))
        case .record(let record): return object(record, &random)
        case .list(let element):
            let count = [0, 1, 2, 3, 70][Int.random(in: 0..<5, using: &random)]
            return .array((0..<count).map { _ in value(element, &random) })
        }
    }

    private static func integer(_ random: inout SeededGenerator) -> Int64 {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: 0
        case 1: Int64.random(in: -200...200, using: &random)
        case 2: [Int64.min, .max, -1, 1 << 31, -(1 << 31)][Int.random(in: 0..<5, using: &random)]
        default: Int64.random(in: .min ... .max, using: &random)
        }
    }

    private static func text(_ random: inout SeededGenerator) -> String {
        let letters = ["a", "ü", "€", "😀", "\"", "\\", "\n", "\u{0}", "\u{7f}", " "]
        let count = [0, 1, 5, 40, 200][Int.random(in: 0..<5, using: &random)]
        return (0..<count).map { _ in letters[Int.random(in: 0..<letters.count, using: &random)] }.joined()
    }
}
