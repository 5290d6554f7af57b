import JSON

/// Hands a JSON value to a `Decodable` type.
struct PayloadDecoder: Decoder {
    let value: JSONValue
    let codingPath: [any CodingKey]
    let userInfo: [CodingUserInfoKey: Any] = [:]

    init(_ value: JSONValue, at codingPath: [any CodingKey]) {
        self.value = value
        self.codingPath = codingPath
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard case .object(let object) = value else { throw mismatch(type, "must be an object") }
        return KeyedDecodingContainer(MemberDecoder<Key>(object: object, codingPath: codingPath))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard case .array(let elements) = value else { throw mismatch([Any].self, "must be an array") }
        return ElementDecoder(elements: elements, codingPath: codingPath)
    }

    func singleValueContainer() -> any SingleValueDecodingContainer { self }

    fileprivate func mismatch(_ type: Any.Type, _ words: String) -> DecodingError {
        .typeMismatch(type, DecodingError.Context(codingPath: codingPath, debugDescription: words))
    }

    /// Every value passes here, whichever container it comes from.
    fileprivate func read<Value: Decodable>(_ type: Value.Type) throws -> Value {
        switch type {
        case is String.Type: try scalar(value.string, "must be a string")
        case is Bool.Type: try scalar(value.bool, "must be true or false")
        case is Double.Type: try scalar(value.number.flatMap { Double($0.text) }, "must be a number")
        case is Float.Type: try scalar(value.number.flatMap { Float($0.text) }, "must be a number")
        case let integer as any FixedWidthInteger.Type: try scalar(Self.integer(value, integer), "must be an integer")
        default: try Value(from: self)
        }
    }

    private func scalar<Value>(_ found: Any?, _ words: String) throws -> Value {
        guard let found = found as? Value else { throw mismatch(Value.self, words) }
        return found
    }

    private static func integer<Value: FixedWidthInteger>(_ value: JSONValue, _: Value.Type) -> Value? {
        value.int64.flatMap { Value(exactly: $0) }
    }
}

extension PayloadDecoder: SingleValueDecodingContainer {
    func decodeNil() -> Bool { value.isNull }
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try read(type) }
}

private struct MemberDecoder<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let object: JSONObject
    let codingPath: [any CodingKey]

    var allKeys: [Key] { object.members.compactMap { Key(stringValue: $0.name) } }

    func contains(_ key: Key) -> Bool { object[WireName.of(key.stringValue)] != nil }

    private func member(_ key: any CodingKey) throws -> PayloadDecoder {
        guard let value = object[WireName.of(key.stringValue)] else {
            throw DecodingError.keyNotFound(
                key, DecodingError.Context(codingPath: codingPath, debugDescription: "is required"))
        }
        return PayloadDecoder(value, at: codingPath + [key])
    }

    func decodeNil(forKey key: Key) throws -> Bool { try member(key).value.isNull }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value { try member(key).read(type) }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> { try member(key).container(keyedBy: type) }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try member(key).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder { try member(PlainKey(stringValue: "super")) }
    func superDecoder(forKey key: Key) throws -> any Decoder { try member(key) }
}

private struct ElementDecoder: UnkeyedDecodingContainer {
    let elements: [JSONValue]
    let codingPath: [any CodingKey]
    var currentIndex = 0

    var count: Int? { elements.count }
    var isAtEnd: Bool { currentIndex >= elements.count }

    private func element() throws -> PayloadDecoder {
        guard elements.indices.contains(currentIndex) else {
            throw DecodingError.valueNotFound(
                Any.self, DecodingError.Context(codingPath: codingPath, debugDescription: "has too few elements"))
        }
        return PayloadDecoder(elements[currentIndex], at: codingPath + [PlainKey(intValue: currentIndex)])
    }

    private mutating func next<Value>(_ read: (PayloadDecoder) throws -> Value) throws -> Value {
        let value = try read(element())
        currentIndex += 1
        return value
    }

    mutating func decodeNil() throws -> Bool {
        guard try element().value.isNull else { return false }
        currentIndex += 1
        return true
    }

    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try next { try $0.read(type) } }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) throws -> KeyedDecodingContainer<Nested> { try next { try $0.container(keyedBy: type) } }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try next { try $0.unkeyedContainer() }
    }

    mutating func superDecoder() throws -> any Decoder { try next { $0 } }
}
