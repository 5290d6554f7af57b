import JSON

// Values of a payload's JSON, as the formats take them.

extension JSONReader {
    /// RFC 3339 text, as microseconds since the Unix epoch.
    mutating func readTime() throws -> Int64 {
        let time: Int64?
        if let text = try readPlainText() {
            time = RFC3339.microseconds(utf8: text.assumingMemoryBound(to: UInt8.self))
        } else {
            time = try readText { RFC3339.microseconds(utf8: $0.assumingMemoryBound(to: UInt8.self)) }
        }
        guard let time else { throw WireFormatError("must be an RFC 3339 time") }
        return time
    }

    mutating func readInt32() throws -> Int32 {
        guard let number = Int32(exactly: try readInt64()) else { throw WireFormatError("is out of range") }
        return number
    }

    /// Any number, as binary64 rounds it.
    mutating func readDouble() throws -> Double {
        guard let number = Double(try readNumberText()), number.isFinite else {
            throw WireFormatError("is beyond binary64")
        }
        return number
    }

    /// The digits of an exact number, which may stand in quotes.
    mutating func readDigits<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        guard peekKind() == .string else { return try body(readNumberBytes()) }
        return try readText { text in
            guard JSONScalars.isNumber(text) else { throw WireFormatError("must be a number") }
            return try body(text)
        }
    }
}

enum JSONScalars {
    /// By the grammar of RFC 8259 §6, and nothing around it.
    static func isNumber(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let first = text.first, first == UInt8(ascii: "-") || (0x30...0x39).contains(first) else { return false }
        var reader = JSONReader(text)
        guard let number = try? reader.readNumberBytes() else { return false }
        return number.count == text.count
    }

    /// Whether it is one JSON value, nested no deeper than payloads are.
    static func isValue(_ text: UnsafeRawBufferPointer) -> Bool {
        var reader = JSONReader(text)
        do {
            try reader.skipValue()
            try reader.end()
            return true
        } catch {
            return false
        }
    }

    /// The shortest text that is the same binary64; nil for what no JSON number is.
    static func text(of number: Double) -> String? { number.isFinite ? "\(number)" : nil }
}
