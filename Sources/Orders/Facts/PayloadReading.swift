import JSON

/// The members of a payload, read in one pass; unknown ones are passed over, so that a newer producer may add some.
public protocol PayloadMembers: Sendable {
    /// - Parameter type: the fact's or command's, for what is said of it.
    init(_ encoded: EncodedPayload, type: String) throws(PayloadError)

    var type: String { get }
    /// The payload that they were read from.
    var encoded: EncodedPayload { get }
}

extension PayloadMembers {
    /// A member that the type can't do without.
    public func require<Value>(_ value: Value?, _ name: String) throws(PayloadError) -> Value {
        guard let value else { throw PayloadError(type: type, detail: "/\(name) is required") }
        return value
    }

    static func read(
        _ encoded: EncodedPayload, type: String, _ member: (JSONKey, inout JSONReader) throws -> Void
    ) throws(PayloadError) {
        do {
            try encoded.bytes.withUnsafeBytes { bytes in
                var reader = JSONReader(bytes)
                try reader.readObject(member)
                try reader.end()
            }
        } catch let error as PayloadError {
            throw error
        } catch {
            throw PayloadError(type: type, detail: "\(error)")
        }
    }

    static func time(_ reader: inout JSONReader) throws -> Int64 {
        let offset = reader.offset
        guard let time = RFC3339.microseconds(try reader.readString()) else {
            throw JSONError(reason: "must be an RFC 3339 time", offset: offset)
        }
        return time
    }
}
