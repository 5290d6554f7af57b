import JSON

/// Where an encoder leaves its value: containers are handed out before they are filled.
final class PayloadPlace {
    private enum Content {
        case value(JSONValue)
        case members([(name: String, place: PayloadPlace)])
        case elements([PayloadPlace])
    }

    private var content = Content.members([])

    var value: JSONValue {
        switch content {
        case .value(let value): return value
        case .elements(let places): return .array(places.map(\.value))
        case .members(let places):
            var object = JSONObject()
            for place in places { object[place.name] = place.place.value }
            return .object(object)
        }
    }

    func set(_ value: JSONValue) { content = .value(value) }

    func becomeArray() { content = .elements([]) }

    func member(_ name: String) -> PayloadPlace {
        let place = PayloadPlace()
        if case .members(let places) = content { content = .members(places + [(name, place)]) }
        return place
    }

    func element() -> PayloadPlace {
        let place = PayloadPlace()
        if case .elements(let places) = content { content = .elements(places + [place]) }
        return place
    }

    var count: Int { if case .elements(let places) = content { places.count } else { 0 } }
}

/// Takes a JSON value from an `Encodable` one.
struct PayloadEncoder: Encoder {
    let place: PayloadPlace
    let codingPath: [any CodingKey]
    let userInfo: [CodingUserInfoKey: Any] = [:]

    init(_ place: PayloadPlace, at codingPath: [any CodingKey]) {
        self.place = place
        self.codingPath = codingPath
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(MemberEncoder<Key>(place: place, codingPath: codingPath))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        place.becomeArray()
        return ElementEncoder(place: place, codingPath: codingPath)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }

    /// Every value passes here, whichever container it goes into.
    fileprivate func write(_ value: some Encodable) throws {
        switch value {
        case let text as String: place.set(.string(text))
        case let flag as Bool: place.set(.bool(flag))
        case let number as any BinaryFloatingPoint: try set(Double(number))
        case let number as any FixedWidthInteger:
            guard let exact = Int64(exactly: number) else { throw invalid(value, "is beyond 64 bits") }
            place.set(.number(JSONNumber(exact)))
        default: try value.encode(to: self)
        }
    }

    private func set(_ number: Double) throws {
        guard number.isFinite, let json = try? JSONValue(parsing: "\(number)") else {
            throw invalid(number, "is no number")
        }
        place.set(json)
    }

    private func invalid(_ value: Any, _ words: String) -> EncodingError {
        .invalidValue(value, EncodingError.Context(codingPath: codingPath, debugDescription: words))
    }
}

extension PayloadEncoder: SingleValueEncodingContainer {
    func encodeNil() { place.set(.null) }
    func encode<Value: Encodable>(_ value: Value) throws { try write(value) }
}

private struct MemberEncoder<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let place: PayloadPlace
    let codingPath: [any CodingKey]

    private func member(_ key: any CodingKey) -> PayloadEncoder {
        PayloadEncoder(place.member(WireName.of(key.stringValue)), at: codingPath + [key])
    }

    func encodeNil(forKey key: Key) { member(key).encodeNil() }

    func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws { try member(key).write(value) }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) -> KeyedEncodingContainer<Nested> { member(key).container(keyedBy: type) }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer { member(key).unkeyedContainer() }

    func superEncoder() -> any Encoder { member(PlainKey(stringValue: "super")) }
    func superEncoder(forKey key: Key) -> any Encoder { member(key) }
}

private struct ElementEncoder: UnkeyedEncodingContainer {
    let place: PayloadPlace
    let codingPath: [any CodingKey]

    var count: Int { place.count }

    private func element() -> PayloadEncoder {
        PayloadEncoder(place.element(), at: codingPath + [PlainKey(intValue: count)])
    }

    func encodeNil() { element().encodeNil() }

    func encode<Value: Encodable>(_ value: Value) throws { try element().write(value) }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        element().container(keyedBy: type)
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { element().unkeyedContainer() }

    func superEncoder() -> any Encoder { element() }
}
