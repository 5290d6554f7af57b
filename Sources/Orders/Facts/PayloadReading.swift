import JSON

/// The members of a payload, read in one pass; unknown ones are passed over, so that a newer producer may add some.
protocol PayloadMembers {
    /// The fact's or command's, for what is said of it.
    var type: String { get }
    mutating func read(_ key: JSONKey, _ reader: inout JSONReader) throws
}

extension PayloadMembers {
    mutating func read(_ payload: [UInt8]) throws(PayloadError) {
        do {
            try payload.withUnsafeBytes { bytes in
                var reader = JSONReader(bytes)
                try reader.readObject { key, reader in try read(key, &reader) }
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

    func require<Value>(_ value: Value?, _ name: String) throws(PayloadError) -> Value {
        guard let value else { throw PayloadError(type: type, detail: "/\(name) is required") }
        return value
    }
}
