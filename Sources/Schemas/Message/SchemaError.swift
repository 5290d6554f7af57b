/// A message's schema that no format can have.
public struct SchemaError: Error, Hashable, Sendable, CustomStringConvertible {
    public let type: String
    public let detail: String

    public init(type: String, detail: String) {
        self.type = type
        self.detail = detail
    }

    public var description: String { "the schema of \(type): \(detail)" }
}

extension MessageSchema {
    /// What the languages of schemas ask of names and numbers. A mistake in a program's source, found as it starts.
    public func validate() throws(SchemaError) {
        var names = [record.name: record]
        try validate(record, &names)
    }

    private func validate(_ record: RecordSchema, _ names: inout [String: RecordSchema]) throws(SchemaError) {
        try check(Self.isName(record.name), "\(record.name) is no name of a record")
        var (numbers, members) = (record.reserved, Set<String>())
        for field in record.fields {
            let place = "/\(field.name) of \(record.name)"
            try check(Self.isName(field.name), "\(place) needs a name of letters, digits and _")
            try check(members.insert(ProtoNames.field(field.name)).inserted, "\(place) has the name of another")
            try check(
                Self.numbers.contains(field.number), "\(place) needs a number from 1 to \(Self.numbers.upperBound)")
            try check(!Self.reserved.contains(field.number), "\(place) has a number of 19000 to 19999")
            try check(numbers.insert(field.number).inserted, "\(place) has the number \(field.number) of another")
            var type = field.type
            while case .list(let element) = type { type = element }
            if case .record(let inner) = type {
                let known = names.updateValue(inner, forKey: inner.name)
                try check(known == nil || known == inner, "two records are called \(inner.name)")
                if known == nil { try validate(inner, &names) }
            }
        }
    }

    private func check(_ holds: Bool, _ words: @autoclosure () -> String) throws(SchemaError) {
        guard holds else { throw SchemaError(type: type, detail: words()) }
    }

    /// Of Avro ("Names") and Protocol Buffers alike.
    private static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }

    private static let numbers = 1...536_870_911
    private static let reserved = 19_000...19_999
}
