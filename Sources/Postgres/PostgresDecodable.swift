/// One value as the server sent it: binary, nil for NULL.
public struct PostgresValue {
    public let bytes: UnsafeRawBufferPointer?
    /// `pg_type.oid`.
    public let type: UInt32
}

/// A Swift type that a column can be read as. A type that doesn't fit exactly is refused, never converted with
/// loss.
public protocol PostgresDecodable {
    init(postgres value: PostgresValue) throws(PostgresMismatch)
}

/// Why a value can't be read as the type asked for.
public struct PostgresMismatch: Error, Sendable {
    public let reason: String
    public init(_ reason: String) { self.reason = reason }

    static var type: PostgresMismatch { PostgresMismatch("the types don't match; cast in the SQL where that is meant") }
}

extension PostgresValue {
    func required() throws(PostgresMismatch) -> UnsafeRawBufferPointer {
        guard let bytes else { throw PostgresMismatch("it is NULL") }
        return bytes
    }

    /// The bytes without the version that precedes the text of a jsonb.
    var textBytes: UnsafeRawBufferPointer? {
        guard let bytes, type == TypeOID.jsonb, bytes.count > 0 else { return bytes }
        return UnsafeRawBufferPointer(rebasing: bytes[1...])
    }

    func integer<Wire: FixedWidthInteger & BitwiseCopyable>(_: Wire.Type) throws(PostgresMismatch) -> Wire {
        let bytes = try required()
        guard bytes.count == MemoryLayout<Wire>.size else { throw PostgresMismatch("\(bytes.count) bytes") }
        return Wire(bigEndian: bytes.loadUnaligned(as: Wire.self))
    }

    func anyInteger() throws(PostgresMismatch) -> Int64 {
        switch type {
        case TypeOID.int8: return try integer(Int64.self)
        case TypeOID.int4: return Int64(try integer(Int32.self))
        case TypeOID.int2: return Int64(try integer(Int16.self))
        case TypeOID.oid: return Int64(try integer(UInt32.self))
        case TypeOID.xid8:
            guard let value = Int64(exactly: try integer(UInt64.self)) else {
                throw PostgresMismatch("it is over 2^63")
            }
            return value
        default: throw .type
        }
    }
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    public init(postgres value: PostgresValue) throws(PostgresMismatch) {
        self = value.bytes == nil ? nil : try Wrapped(postgres: value)
    }
}

extension Bool: PostgresDecodable {
    public init(postgres value: PostgresValue) throws(PostgresMismatch) {
        guard value.type == TypeOID.bool else { throw .type }
        self = try value.integer(UInt8.self) != 0
    }
}

extension Int16: PostgresDecodable {
    public init(postgres value: PostgresValue) throws(PostgresMismatch) {
        guard value.type == TypeOID.int2 else { throw .type }
        self = try value.integer(Int16.self)
    }
}

extension Int32: PostgresDecodable {
    public init(postgres value: PostgresValue) throws(PostgresMismatch) {
        guard value.type == TypeOID.int4 || value.type == TypeOID.int2 else { throw .type }
        self = Int32(truncatingIfNeeded: try value.anyInteger())
    }
}

extension Int64: PostgresDecodable {
    public init(postgres value: PostgresValue) throws(PostgresMismatch) { self = try value.anyInteger() }
}

/// Of whole numerics and sums of `bigint`, which are numerics, too.
extension Int128: PostgresDecodable {
    public init(postgres value: PostgresValue) throws(PostgresMismatch) {
        guard value.type == TypeOID.numeric else {
            self = Int128(try value.anyInteger())
            return
        }
        let text = try numericText(try value.required())
        guard let whole = Int128(text) else { throw PostgresMismatch("\(text) is no whole number of 128 bits") }
        self = whole
    }
}

extension Int: PostgresDecodable {
    public init(postgres value: PostgresValue) throws(PostgresMismatch) { self = Int(try value.anyInteger()) }
}

/// Of an `xid8` every value, of the signed integers those from 0.
extension UInt64: PostgresDecodable {
    public init(postgres value: PostgresValue) throws(PostgresMismatch) {
        if value.type == TypeOID.xid8 {
            self = try value.integer(UInt64.self)
        } else {
            guard let positive = UInt64(exactly: try value.anyInteger()) else {
                throw PostgresMismatch("it is negative")
            }
            self = positive
        }
    }
}

extension Double: PostgresDecodable {
    public init(postgres value: PostgresValue) throws(PostgresMismatch) {
        switch value.type {
        case TypeOID.float8: self = Double(bitPattern: try value.integer(UInt64.self))
        case TypeOID.float4: self = Double(Float(bitPattern: try value.integer(UInt32.self)))
        default: throw .type
        }
    }
}

extension Timestamp: PostgresDecodable {
    public init(postgres value: PostgresValue) throws(PostgresMismatch) {
        guard value.type == TypeOID.timestamptz else { throw .type }
        self.init(wire: try value.integer(Int64.self))
    }
}

/// Text types, json and jsonb as they are; a uuid in lowercase; a numeric exactly, digit by digit.
extension String: PostgresDecodable {
    public init(postgres value: PostgresValue) throws(PostgresMismatch) {
        let bytes = try value.required()
        switch value.type {
        case TypeOID.text, TypeOID.varchar, TypeOID.bpchar, TypeOID.name, TypeOID.char, TypeOID.unknown, TypeOID.json,
            TypeOID.jsonb:
            // client_encoding is UTF8: the server has validated it.
            self = String(decoding: value.textBytes ?? bytes, as: UTF8.self)
        case TypeOID.uuid:
            guard bytes.count == 16 else { throw PostgresMismatch("\(bytes.count) bytes") }
            self = UUIDBits.text(bytes)
        case TypeOID.numeric: self = try numericText(bytes)
        default: throw .type
        }
    }
}

/// Arrays of what arrays of PostgreSQL can hold, and for `UInt8` the bytes of bytea, json, jsonb, text or the 16 of
/// a uuid. Several dimensions are refused.
extension Array: PostgresDecodable where Element: PostgresArrayElement {
    public init(postgres value: PostgresValue) throws(PostgresMismatch) { self = try Element.decodeArray(value) }
}

/// What `[Element]` means as a column; exists because `[UInt8]` isn't an array to PostgreSQL.
public protocol PostgresArrayElement {
    static func decodeArray(_ value: PostgresValue) throws(PostgresMismatch) -> [Self]
}

extension UInt8: PostgresArrayElement {
    public static func decodeArray(_ value: PostgresValue) throws(PostgresMismatch) -> [UInt8] {
        switch value.type {
        case TypeOID.bytea, TypeOID.json, TypeOID.jsonb, TypeOID.text, TypeOID.varchar, TypeOID.uuid:
            let bytes = try value.required()
            return Array(value.textBytes ?? bytes)
        default: throw .type
        }
    }
}

extension PostgresArrayElement where Self: PostgresDecodable {
    public static func decodeArray(_ value: PostgresValue) throws(PostgresMismatch) -> [Self] {
        guard TypeOID.isArray(value.type) else { throw .type }
        var reader = ArrayReader(bytes: try value.required())
        return try reader.elements()
    }
}

extension Bool: PostgresArrayElement {}
extension Int32: PostgresArrayElement {}
extension Int64: PostgresArrayElement {}
extension Int: PostgresArrayElement {}
extension Double: PostgresArrayElement {}
extension String: PostgresArrayElement {}
extension Timestamp: PostgresArrayElement {}
extension Optional: PostgresArrayElement where Wrapped: PostgresDecodable {}
extension Array: PostgresArrayElement where Element == UInt8 {}
