import JSON
import Schemas

/// The members of an object, laid out for being looked up by name and by number.
package final class RecordPlan: Sendable {
    /// One member. It holds no references: nothing is counted where payloads are walked.
    struct Field: Sendable {
        let number: Int
        let isOptional: Bool
        let kind: ValueKind
    }

    package let name: String
    let names: MemberNames
    /// In the schema's order, which is Avro's.
    let fields: [Field]
    /// What their values are, by the same places.
    let values: [ValuePlan]
    /// Places in `fields` by rising numbers: the order of Protocol Buffers.
    let byNumber: MemberRanks
    /// The same in their own order.
    let inOrder: MemberRanks
    let required: Int
    /// By number, for small ones; -1 where there is none.
    private let places: [Int]

    package convenience init(_ schema: MessageSchema) { self.init(schema.record) }

    init(_ record: RecordSchema) {
        name = record.name
        names = MemberNames(record.fields.map(\.name))
        values = record.fields.map { ValuePlan($0.type) }
        fields = zip(record.fields, values).map { field, value in
            Field(number: field.number, isOptional: field.isOptional, kind: value.kind)
        }
        required = fields.count { !$0.isOptional }
        inOrder = MemberRanks(Array(fields.indices))
        byNumber = MemberRanks(fields.indices.sorted { [fields] in fields[$0].number < fields[$1].number })
        var places = [Int](repeating: -1, count: Self.small)
        for (place, field) in fields.enumerated() where field.number < Self.small { places[field.number] = place }
        self.places = places
    }

    private static let small = 64

    func place(ofNumber number: UInt64) -> Int? {
        guard number >= Self.small else {
            let place = places[Int(number)]
            return place < 0 ? nil : place
        }
        return fields.firstIndex { UInt64($0.number) == number }
    }
}

/// An order of a record's members.
struct MemberRanks: Sendable {
    let places: [Int]
    /// Where in `places` each member is.
    let ranks: [Int]

    init(_ places: [Int]) {
        self.places = places
        var ranks = places
        for (rank, place) in places.enumerated() { ranks[place] = rank }
        self.ranks = ranks
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

    var kind: ValueKind {
        switch self {
        case .text: .text
        case .bool: .bool
        case .int32: .int32
        case .int64: .int64
        case .double: .double
        case .time: .time
        case .amount: .amount
        case .json: .json
        case .list: .list
        case .record: .record
        }
    }
}

/// What a value is, without what is in it.
enum ValueKind: UInt8, Sendable {
    case text, bool, int32, int64, double, time, amount, json
    case list, record
}
