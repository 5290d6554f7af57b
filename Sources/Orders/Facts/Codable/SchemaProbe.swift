import Schemas

// The schema of facts and commands that are `Codable`: the coder is asked for a value, and what it asks for is noted.
// Members are numbered as the struct has them, so a new one belongs at the end; `orderflow schemas check` says where one
// is not.

extension MessagePayload where Self: Decodable {
    public static var schema: MessageSchema {
        get throws(SchemaError) {
            do {
                return MessageSchema(type, version: version, "", try SchemaProbe.fields(of: Self.self))
            } catch {
                throw SchemaError(
                    type: type,
                    detail: "\(error.place) can't be told from its coder (\(error.detail)): declare `static let schema`"
                )
            }
        }
    }
}

/// Hands a `Decodable` type values that mean nothing, and notes which it takes.
struct SchemaProbe: Decoder {
    /// Why a type doesn't say what it reads.
    struct Silence: Error {
        let place: String
        let detail: String
    }

    /// What was asked for.
    fileprivate final class Notes {
        var fields: [SchemaField] = []
        var scalar: SchemaType?
        /// Asked whether it is null, and so may be missing.
        var optional: Set<String> = []
    }

    let codingPath: [any CodingKey]
    let userInfo: [CodingUserInfoKey: Any] = [:]
    fileprivate let notes: Notes
    /// A text for those that take no other.
    private let sample: String
    /// The types that are being asked.
    private let open: [ObjectIdentifier]

    static func fields(of type: any Decodable.Type) throws(Silence) -> [SchemaField] {
        try ask(type, at: [], open: []).notes.fields
    }

    private static func ask<Value: Decodable>(
        _ type: Value.Type, at path: [any CodingKey], open: [ObjectIdentifier]
    ) throws(Silence) -> (value: Value, notes: Notes) {
        guard !open.contains(ObjectIdentifier(type)) else {
            throw Silence(place: WireName.pointer(path), detail: "\(type) has a member of its own kind")
        }
        var silence = Silence(place: WireName.pointer(path), detail: "\(type)")
        for sample in samples {
            let notes = Notes()
            do {
                let probe = SchemaProbe(
                    codingPath: path, notes: notes, sample: sample, open: open + [ObjectIdentifier(type)])
                return (try type.init(from: probe), notes)
            } catch let error as Silence {
                silence = error
            } catch {
                silence = Silence(place: WireName.pointer(path), detail: "\(type) refuses what it is given")
            }
        }
        throw silence
    }

    /// What types that check their text are likely to take.
    private static let samples = ["", "00000000-0000-0000-0000-000000000000", "2000-01-01T00:00:00Z", "0", "a"]

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(ProbedMembers<Key>(probe: self))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw silence("reads an array by itself") }

    func singleValueContainer() -> any SingleValueDecodingContainer { self }

    fileprivate func silence(_ detail: String) -> Silence {
        Silence(place: WireName.pointer(codingPath), detail: detail)
    }

    /// A value of a type, and what it is in a schema.
    fileprivate func value<Value: Decodable>(
        _ type: Value.Type, at path: [any CodingKey]
    ) throws -> (value: Value, schema: SchemaType) {
        let (found, schema): (Any?, SchemaType) =
            switch type {
            case is WireTime.Type: (WireTime(wrappedValue: 0), .time)
            case is String.Type: (sample, .text)
            case is Bool.Type: (false, .bool)
            case is Double.Type: (Double(0), .double)
            case is Float.Type: (Float(0), .double)
            case let integer as any FixedWidthInteger.Type:
                (integer.init(truncatingIfNeeded: 0), Self.schema(of: integer))
            case let list as any ProbedList.Type: try list.probed { try value($0, at: path).schema }
            case let named as any (CaseIterable & RawRepresentable).Type: Self.firstCase(named)
            default: (nil, .json)
            }
        if let found {
            guard let value = found as? Value else { throw silence("\(type)") }
            return (value, schema)
        }
        let asked = try Self.ask(type, at: path, open: open)
        let fields = asked.notes.fields
        // A dictionary, or whatever else reads members that it doesn't name, is any JSON.
        return (asked.value, asked.notes.scalar ?? (fields.isEmpty ? .json : .record(.init(Self.name(type), fields))))
    }

    private static func schema(of integer: any FixedWidthInteger.Type) -> SchemaType {
        func fits<Value: FixedWidthInteger>(_: Value.Type) -> Bool {
            Int32(exactly: Value.max) != nil && Int32(exactly: Value.min) != nil
        }
        return fits(integer) ? .int32 : .int64
    }

    private static func firstCase(_ type: any (CaseIterable & RawRepresentable).Type) -> (Any?, SchemaType) {
        func schema<Value: RawRepresentable>(_: Value.Type) -> SchemaType? {
            if Value.RawValue.self is String.Type { return .text }
            return (Value.RawValue.self as? any FixedWidthInteger.Type).map(Self.schema)
        }
        func first<Value: CaseIterable>(_: Value.Type) -> Any? { Value.allCases.first }
        guard let schema = schema(type) else { return (nil, .json) }
        return (first(type), schema)
    }

    /// `Line` of `Order.Line`, and letters alone of a generic one.
    private static func name(_ type: any Any.Type) -> String {
        String("\(type)".filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") })
    }
}

extension SchemaProbe: SingleValueDecodingContainer {
    func decodeNil() -> Bool { false }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        let (value, schema) = try value(type, at: codingPath)
        notes.scalar = schema
        return value
    }
}

private struct ProbedMembers<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let probe: SchemaProbe

    var codingPath: [any CodingKey] { probe.codingPath }
    var allKeys: [Key] { [] }

    func contains(_ key: Key) -> Bool { true }

    /// Asked before the value of a member that may be missing.
    func decodeNil(forKey key: Key) -> Bool {
        probe.notes.optional.insert(key.stringValue)
        return false
    }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        let (value, schema) = try probe.value(type, at: codingPath + [key])
        let name = WireName.of(key.stringValue)
        let notes = probe.notes
        if !notes.fields.contains(where: { $0.name == name }) {
            let isOptional = notes.optional.contains(key.stringValue) || type is any ProbedOptional.Type
            notes.fields.append(SchemaField(notes.fields.count + 1, name, schema, isOptional: isOptional))
        }
        return value
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> { throw probe.silence("reads an object by itself") }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        throw probe.silence("reads an array by itself")
    }

    func superDecoder() throws -> any Decoder { throw probe.silence("has a superclass") }
    func superDecoder(forKey key: Key) throws -> any Decoder { throw probe.silence("has a superclass") }
}

/// A type that has null among its values.
private protocol ProbedOptional {}

extension Optional: ProbedOptional {}

/// A type whose values are arrays on the wire.
private protocol ProbedList {
    static func probed(_ element: (any Decodable.Type) throws -> SchemaType) rethrows -> (Any?, SchemaType)
}

extension Array: ProbedList where Element: Decodable {
    static func probed(_ element: (any Decodable.Type) throws -> SchemaType) rethrows -> (Any?, SchemaType) {
        ([Element](), .list(Element.self is any ProbedOptional.Type ? .json : try element(Element.self)))
    }
}

extension Set: ProbedList where Element: Decodable {
    static func probed(_ element: (any Decodable.Type) throws -> SchemaType) rethrows -> (Any?, SchemaType) {
        (Set<Element>(), .list(Element.self is any ProbedOptional.Type ? .json : try element(Element.self)))
    }
}
