extension JSONReader {
    public mutating func readString() throws -> String {
        let text = try stringRange()
        if text.escaped { return try unescape(text.start, text.length) }
        return String(decoding: UnsafeRawBufferPointer(start: base + text.start, count: text.length), as: UTF8.self)
    }

    /// As `readString`, without a String where the text has no escapes: `body` gets its UTF-8, valid while it runs.
    public mutating func readText<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        let text = try stringRange()
        guard text.escaped else {
            return try body(UnsafeRawBufferPointer(start: base + text.start, count: text.length))
        }
        var decoded = try unescape(text.start, text.length)
        return try decoded.withUTF8 { try body(UnsafeRawBufferPointer($0)) }
    }

    /// The text's UTF-8 where it stands, valid while the bytes are; nil where it has escapes, and then it isn't read yet.
    package mutating func readPlainText() throws -> UnsafeRawBufferPointer? {
        skipSpace()
        guard current == UInt8(ascii: "\"") else { throw wrongType("a string") }
        let before = position
        let text = try scanString()
        guard !text.escaped else {
            position = before
            return nil
        }
        return UnsafeRawBufferPointer(start: base + text.start, count: text.length)
    }

    /// - Parameter limit: most bytes of UTF-8 that the text may have, its escapes decoded.
    public mutating func readString(limit: Int) throws -> String {
        skipSpace()
        let start = position
        let text = try readString()
        guard text.utf8.count <= limit else {
            throw JSONError(reason: "must have at most \(limit) bytes", offset: start, isWrongType: true)
        }
        return text
    }

    /// Reads a whole number exactly; one written with a fraction or an exponent is none.
    public mutating func readInt64() throws -> Int64 {
        guard peekKind() == .number else { throw wrongType("a whole number") }
        let text = try scanNumber()
        var index = text.lowerBound
        let negative = byte(index) == UInt8(ascii: "-")
        if negative { index += 1 }
        // Counted downwards, since there is one more negative number than positive ones.
        var value: Int64 = 0
        while index < text.upperBound {
            let digit = byte(index) &- 0x30
            guard digit <= 9 else { throw unfit("must be a whole number", text) }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.subtractingReportingOverflow(Int64(digit))
            guard !overflow, !carry else { throw unfit("is out of range", text) }
            value = sum
            index += 1
        }
        if negative { return value }
        guard value != .min else { throw unfit("is out of range", text) }
        return -value
    }

    /// Reads a number as it is written, checked against the grammar: exact decimals are the caller's business.
    public mutating func readNumberText() throws -> String {
        String(decoding: try readNumberBytes(), as: UTF8.self)
    }

    /// As `readNumberText`, without the copy: valid while the bytes are.
    public mutating func readNumberBytes() throws -> UnsafeRawBufferPointer {
        guard peekKind() == .number else { throw wrongType("a number") }
        let range = try scanNumber()
        return UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }

    public mutating func readBool() throws -> Bool {
        guard peekKind() == .bool else { throw wrongType("true or false") }
        let isTrue = current == UInt8(ascii: "t")
        try literal(isTrue ? "true" : "false")
        return isTrue
    }

    public mutating func readNull() throws {
        guard peekKind() == .null else { throw wrongType("null") }
        try literal("null")
    }

    /// Reads `null` if that is what comes next.
    public mutating func readIfNull() throws -> Bool {
        guard peekKind() == .null else { return false }
        try literal("null")
        return true
    }

    private mutating func unfit(_ reason: String, _ number: Range<Int>) -> JSONError {
        position = number.lowerBound
        return JSONError(reason: reason, offset: position, isWrongType: true)
    }
}
