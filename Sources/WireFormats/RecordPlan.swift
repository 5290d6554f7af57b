import JSON
import Schemas

/// The members of an object, laid out for being looked up by name and by number.
package final class RecordPlan: Sendable {
    struct Field: Sendable {
        let name: String
        /// The name's UTF-8.
        let key: [UInt8]
        /// `"name":`, as JSON has it.
        let member: [UInt8]
        let number: Int
        let isOptional: Bool
        let value: ValuePlan

        var isList: Bool { if case .list = value { true } else { false } }
    }

    package let name: String
    /// In the schema's order, which is Avro's.
    let fields: [Field]
    /// Places in `fields` by rising numbers: the order of Protocol Buffers.
    let byNumber: [Int]
    /// The same in their own order.
    let inOrder: [Int]
    let required: Int
    /// By number, for small ones; -1 where there is none.
    private let places: [Int]

    package convenience init(_ schema: MessageSchema) { self.init(schema.record) }

    init(_ record: RecordSchema) {
        name = record.name
        fields = record.fields.map { field in
            var member: [UInt8] = []
            JSONWriter.append(field.name, to: &member)
            member.append(UInt8(ascii: ":"))
            return Field(
                name: field.name, key: Array(field.name.utf8), member: member, number: field.number,
                isOptional: field.isOptional, value: ValuePlan(field.type))
        }
        required = fields.count { !$0.isOptional }
        inOrder = Array(fields.indices)
        byNumber = fields.indices.sorted { [fields] in fields[$0].number < fields[$1].number }
        var places = [Int](repeating: -1, count: Self.small)
        for (place, field) in fields.enumerated() where field.number < Self.small { places[field.number] = place }
        self.places = places
    }

    private static let small = 64

    /// The place of a member of the JSON; nil where the schema hasn't it.
    ///
    /// - Parameter hint: where it probably is.
    func place(of key: JSONKey, hint: Int) -> Int? {
        if hint < fields.count, key.isEqual(to: fields[hint].key) { return hint }
        return fields.firstIndex { key.isEqual(to: $0.key) }
    }

    func place(ofNumber number: UInt64) -> Int? {
        guard number >= Self.small else {
            let place = places[Int(number)]
            return place < 0 ? nil : place
        }
        return fields.firstIndex { UInt64($0.number) == number }
    }
}

/// What a member's value is.
indirect enum ValuePlan: Sendable {
    case text, bool, int32, int64, double, time, amount, json
    case list(ValuePlan)
    case record(RecordPlan)

    init(_ type: SchemaType) {
        self =
            switch type {
            case .text: .text
            case .bool: .bool
            case .int32: .int32
            case .int64: .int64
            case .double: .double
            case .time: .time
            case .amount: .amount
            case .json: .json
            case .list(let element): .list(ValuePlan(element))
            case .record(let record): .record(RecordPlan(record))
            }
    }
}
