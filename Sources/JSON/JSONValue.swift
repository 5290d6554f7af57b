/// Any JSON value, for the cold paths: administration, tests, documents whose shape nobody knows.
public enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// Reads a whole document, as strictly as `JSONReader`. Throws `JSONError`.
    public init(parsing bytes: UnsafeRawBufferPointer, depthLimit: Int = 64) throws {
        var reader = JSONReader(bytes, depthLimit: depthLimit)
        self = try reader.readValue()
        try reader.end()
    }

    public init(parsing bytes: [UInt8], depthLimit: Int = 64) throws {
        self = try bytes.withUnsafeBytes { try JSONValue(parsing: $0, depthLimit: depthLimit) }
    }

    public init(parsing text: String, depthLimit: Int = 64) throws {
        try self.init(parsing: Array(text.utf8), depthLimit: depthLimit)
    }

    /// As JSON, without white space.
    public var bytes: [UInt8] {
        var writer = JSONWriter()
        writer.value(self)
        return writer.bytes
    }

    // MARK: Access

    /// A member; nil where this is no object or has none of that name.
    public subscript(name: String) -> JSONValue? {
        if case .object(let object) = self { object[name] } else { nil }
    }

    /// An element; nil where this is no array or is shorter.
    public subscript(index: Int) -> JSONValue? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }

    public var string: String? { if case .string(let text) = self { text } else { nil } }
    public var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }
    public var number: JSONNumber? { if case .number(let number) = self { number } else { nil } }
    public var int64: Int64? { number?.int64 }
    public var array: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }
    public var object: JSONObject? { if case .object(let object) = self { object } else { nil } }
    public var isNull: Bool { self == .null }
}

extension JSONValue: CustomStringConvertible {
    public var description: String { String(decoding: bytes, as: UTF8.self) }
}

extension JSONReader {
    /// Reads any value.
    public mutating func readValue() throws -> JSONValue {
        switch peekKind() {
        case .object:
            var members: [JSONObject.Member] = []
            try readObject { key, reader in
                members.append(JSONObject.Member(name: key.string, value: try reader.readValue()))
            }
            return .object(JSONObject(checked: members))
        case .array:
            var elements: [JSONValue] = []
            try readArray { _, reader in elements.append(try reader.readValue()) }
            return .array(elements)
        case .string: return .string(try readString())
        case .number: return .number(JSONNumber(checked: try readNumberText()))
        case .bool: return .bool(try readBool())
        case .null:
            try readNull()
            return .null
        case .end: throw malformed("ends too early")
        case .invalid: throw malformed("expected a value")
        }
    }
}

extension JSONWriter {
    public mutating func value(_ json: JSONValue) {
        switch json {
        case .null: null()
        case .bool(let flag): value(flag)
        case .number(let number): raw(number.text.utf8)
        case .string(let text): value(text)
        case .array(let elements): array { writer in for element in elements { writer.value(element) } }
        case .object(let object):
            self.object { writer in
                for member in object.members {
                    writer.key(dynamic: member.name)
                    writer.value(member.value)
                }
            }
        }
    }

    public mutating func field(_ name: StaticString, _ json: JSONValue) {
        key(name)
        value(json)
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(stringLiteral text: String) { self = .string(text) }
    public init(integerLiteral value: Int64) { self = .number(JSONNumber(value)) }
    public init(booleanLiteral flag: Bool) { self = .bool(flag) }
    public init(nilLiteral: ()) { self = .null }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        var object = JSONObject()
        for (name, value) in elements { object[name] = value }
        self = .object(object)
    }
}
