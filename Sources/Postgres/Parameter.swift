/// A value for `$n`, sent in binary with its type stated, so that the server never guesses and never parses text.
/// The server converts where SQL allows it (`int4` to `int8`, `json` to `jsonb` on assignment); elsewhere write the
/// cast in the SQL: `$1::uuid` for a `.text` is an error-checked conversion.
///
/// The factories take optionals: `.text(nil)` is a NULL of type text. Prefer it to `.null`, whose type the server
/// infers from the place where it stands.
public struct Parameter: Sendable {
    enum Payload: Sendable {
        case null
        case bool(Bool)
        case int2(Int16)
        case int4(Int32)
        case int8(Int64)
        case float8(Double)
        case text(String)
        case bytes([UInt8])
        case versionedBytes([UInt8])
        case uuid(UUIDBits)
        case boolArray([Bool])
        case int4Array([Int32])
        case int8Array([Int64])
        case int8ArrayOptional([Int64?])
        case timestampArray([Int64])
        case timestampArrayOptional([Int64?])
        case float8Array([Double])
        case textArray([String])
        case textArrayOptional([String?])
        case bytesArray([[UInt8]])
        case bytesArrayOptional([[UInt8]?])
        case versionedBytesArray([[UInt8]])
        case versionedBytesArrayOptional([[UInt8]?])
        case uuidArray([UUIDBits?])
        /// Refused before anything is sent.
        case invalid(String)
    }

    let type: UInt32
    let payload: Payload

    private init(_ type: UInt32, _ payload: Payload?) {
        self.type = type
        self.payload = payload ?? .null
    }

    /// NULL of a type that the server infers.
    public static let null = Parameter(TypeOID.unspecified, nil)

    public static func bool(_ value: Bool?) -> Parameter { Parameter(TypeOID.bool, value.map { .bool($0) }) }
    public static func int2(_ value: Int16?) -> Parameter { Parameter(TypeOID.int2, value.map { .int2($0) }) }
    public static func int4(_ value: Int32?) -> Parameter { Parameter(TypeOID.int4, value.map { .int4($0) }) }
    public static func int8(_ value: Int64?) -> Parameter { Parameter(TypeOID.int8, value.map { .int8($0) }) }
    /// An `int8`.
    public static func int(_ value: Int?) -> Parameter {
        Parameter(TypeOID.int8, value.map { .int8(Int64($0)) })
    }
    public static func float8(_ value: Double?) -> Parameter { Parameter(TypeOID.float8, value.map { .float8($0) }) }
    /// PostgreSQL's text can't hold U+0000; the server refuses it.
    public static func text(_ value: String?) -> Parameter { Parameter(TypeOID.text, value.map { .text($0) }) }
    /// A text in UTF-8, which the server checks.
    public static func text(utf8 value: [UInt8]?) -> Parameter { Parameter(TypeOID.text, value.map { .bytes($0) }) }
    /// A `bytea`.
    public static func bytes(_ value: [UInt8]?) -> Parameter { Parameter(TypeOID.bytea, value.map { .bytes($0) }) }
    /// JSON text as a `json`, kept byte by byte. For a `jsonb` column `jsonb` saves the server a second parse.
    public static func json(_ value: [UInt8]?) -> Parameter { Parameter(TypeOID.json, value.map { .bytes($0) }) }
    /// JSON text as a `jsonb`.
    public static func jsonb(_ value: [UInt8]?) -> Parameter {
        Parameter(TypeOID.jsonb, value.map { .versionedBytes($0) })
    }
    /// 32 hexadecimal digits, hyphens anywhere or nowhere. Anything else fails the call before it is sent.
    public static func uuid(_ value: String?) -> Parameter {
        guard let value else { return Parameter(TypeOID.uuid, nil) }
        guard let bits = UUIDBits(value) else { return Parameter(TypeOID.uuid, .invalid("not a UUID")) }
        return Parameter(TypeOID.uuid, .uuid(bits))
    }
    /// The 16 bytes of a UUID in network order.
    public static func uuid(bytes value: [UInt8]?) -> Parameter {
        if let value, value.count != 16 { return Parameter(TypeOID.uuid, .invalid("not the 16 bytes of a UUID")) }
        return Parameter(TypeOID.uuid, value.map { .bytes($0) })
    }
    public static func timestamp(_ value: Timestamp?) -> Parameter {
        Parameter(TypeOID.timestamptz, value.map { .int8(Timestamp.wire($0.microseconds)) })
    }
    /// Microseconds since the Unix epoch.
    public static func timestamp(_ microseconds: Int64) -> Parameter {
        .timestamp(Timestamp(microseconds: microseconds))
    }
    public static func xid8(_ value: UInt64?) -> Parameter {
        Parameter(TypeOID.xid8, value.map { .int8(Int64(bitPattern: $0)) })
    }
}

/// Arrays, for `SELECT * FROM unnest($1::text[], $2::int8[])` and `= ANY($1)`.
extension Parameter {
    public static func boolArray(_ values: [Bool]) -> Parameter { Parameter(TypeOID.boolArray, .boolArray(values)) }
    public static func int4Array(_ values: [Int32]) -> Parameter { Parameter(TypeOID.int4Array, .int4Array(values)) }
    public static func int8Array(_ values: [Int64]) -> Parameter { Parameter(TypeOID.int8Array, .int8Array(values)) }
    public static func int8ArrayOptional(_ values: [Int64?]) -> Parameter {
        Parameter(TypeOID.int8Array, .int8ArrayOptional(values))
    }
    public static func float8Array(_ values: [Double]) -> Parameter {
        Parameter(TypeOID.float8Array, .float8Array(values))
    }
    public static func textArray(_ values: [String]) -> Parameter { Parameter(TypeOID.textArray, .textArray(values)) }
    public static func textArrayOptional(_ values: [String?]) -> Parameter {
        Parameter(TypeOID.textArray, .textArrayOptional(values))
    }
    /// A `bytea[]`.
    public static func bytesArray(_ values: [[UInt8]]) -> Parameter {
        Parameter(TypeOID.byteaArray, .bytesArray(values))
    }
    public static func bytesArrayOptional(_ values: [[UInt8]?]) -> Parameter {
        Parameter(TypeOID.byteaArray, .bytesArrayOptional(values))
    }
    /// Texts as `text[]`, in UTF-8, which the server checks.
    public static func textArray(utf8 values: [[UInt8]]) -> Parameter {
        Parameter(TypeOID.textArray, .bytesArray(values))
    }
    public static func textArrayOptional(utf8 values: [[UInt8]?]) -> Parameter {
        Parameter(TypeOID.textArray, .bytesArrayOptional(values))
    }
    /// JSON texts as `json[]`.
    public static func jsonArray(_ values: [[UInt8]]) -> Parameter { Parameter(TypeOID.jsonArray, .bytesArray(values)) }
    public static func jsonArrayOptional(_ values: [[UInt8]?]) -> Parameter {
        Parameter(TypeOID.jsonArray, .bytesArrayOptional(values))
    }
    /// JSON texts as `jsonb[]`: what to send for a `jsonb` column.
    public static func jsonbArray(_ values: [[UInt8]]) -> Parameter {
        Parameter(TypeOID.jsonbArray, .versionedBytesArray(values))
    }
    public static func jsonbArrayOptional(_ values: [[UInt8]?]) -> Parameter {
        Parameter(TypeOID.jsonbArray, .versionedBytesArrayOptional(values))
    }
    /// Microseconds since the Unix epoch.
    public static func timestampArray(_ microseconds: [Int64]) -> Parameter {
        Parameter(TypeOID.timestamptzArray, .timestampArray(microseconds))
    }
    public static func timestampArrayOptional(_ microseconds: [Int64?]) -> Parameter {
        Parameter(TypeOID.timestamptzArray, .timestampArrayOptional(microseconds))
    }
    public static func uuidArray(_ values: [String]) -> Parameter { .uuidArrayOptional(values) }
    public static func uuidArrayOptional(_ values: [String?]) -> Parameter {
        var bits: [UUIDBits?] = []
        bits.reserveCapacity(values.count)
        for value in values {
            guard let value else {
                bits.append(nil)
                continue
            }
            guard let parsed = UUIDBits(value) else {
                return Parameter(TypeOID.uuidArray, .invalid("element \(bits.count) isn't a UUID"))
            }
            bits.append(parsed)
        }
        return Parameter(TypeOID.uuidArray, .uuidArray(bits))
    }
}
