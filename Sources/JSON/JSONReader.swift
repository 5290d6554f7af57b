/// A strict pull parser for RFC 8259 over bytes that it doesn't own: for decoders written by hand on a hot path.
///
/// Stricter than the grammar where it is silent: names may not repeat in an object, text is valid UTF-8 without lone
/// surrogates, and depth is limited. Values that nobody reads are still checked. Errors carry the RFC 6901 pointer,
/// which is put together only when one is thrown, as the calls unwind.
///
/// The bytes must stay in place and unchanged while the reader lives.
public struct JSONReader {
    @usableFromInline let base: UnsafeRawPointer
    @usableFromInline let count: Int
    @usableFromInline var position = 0
    @usableFromInline var depth = 0
    @usableFromInline let depthLimit: Int

    /// - Parameter depthLimit: how deep arrays and objects may nest.
    public init(_ bytes: UnsafeRawBufferPointer, depthLimit: Int = 16) {
        // An empty buffer may have no address; nothing is ever read from it.
        base = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1).unsafelyUnwrapped
        count = bytes.count
        self.depthLimit = depthLimit
    }

    /// Byte offset of what is read next.
    public var offset: Int { position }

    // MARK: Structure

    /// Reads an object, handing each member's name to `member`, which must read or skip exactly its value.
    @inlinable
    public mutating func readObject(_ member: (JSONKey, inout JSONReader) throws -> Void) throws {
        try open(UInt8(ascii: "{"), .object)
        var seen = SeenKeys()
        skipSpace()
        if current == UInt8(ascii: "}") {
            close()
            return
        }
        while true {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw malformed("expected a member name in quotes") }
            let start = position
            let key = try readKey()
            guard seen.insert(key) else {
                position = start
                throw JSONError(reason: "repeats the member \"\(key.string)\"", offset: start, pointer: "")
            }
            skipSpace()
            guard current == UInt8(ascii: ":") else { throw malformed("expected ':' after a member name") }
            position += 1
            skipSpace()
            do {
                try member(key, &self)
            } catch {
                throw Self.prefixed(error, key.string)
            }
            skipSpace()
            switch current {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "}"):
                close()
                return
            default: throw malformed("expected ',' or '}' in an object")
            }
        }
    }

    /// Reads an array, handing each index to `element`, which must read or skip exactly one value.
    @inlinable
    public mutating func readArray(_ element: (Int, inout JSONReader) throws -> Void) throws {
        try open(UInt8(ascii: "["), .array)
        skipSpace()
        if current == UInt8(ascii: "]") {
            close()
            return
        }
        var index = 0
        while true {
            skipSpace()
            do {
                try element(index, &self)
            } catch {
                throw Self.prefixed(error, String(index))
            }
            index += 1
            skipSpace()
            switch current {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "]"):
                close()
                return
            default: throw malformed("expected ',' or ']' in an array")
            }
        }
    }

    /// Nothing but white space may follow.
    public mutating func end() throws {
        skipSpace()
        guard position == count else { throw malformed("has something after its end") }
    }

    // MARK: Values

    /// The kind of the next value, not yet checked beyond its first byte.
    public mutating func peekKind() -> JSONKind {
        skipSpace()
        switch current {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        default: return position >= count ? .end : .invalid
        }
    }

    public mutating func readString() throws -> String {
        guard current == UInt8(ascii: "\"") else { throw wrongType("a string") }
        let (start, length, escaped) = try scanString()
        if escaped { return try unescape(start, length) }
        return String(decoding: UnsafeRawBufferPointer(start: base + start, count: length), as: UTF8.self)
    }

    /// Reads a whole number exactly; one with a fraction or an exponent is none.
    public mutating func readInt64() throws -> Int64 {
        let kind = peekKind()
        guard kind == .number else { throw wrongType("a whole number") }
        let start = position
        let text = try scanNumber()
        var value: Int64 = 0
        var index = text.lowerBound
        let negative = byte(index) == UInt8(ascii: "-")
        if negative { index += 1 }
        while index < text.upperBound {
            let digit = byte(index)
            guard digit >= 0x30, digit <= 0x39 else {
                position = start
                throw JSONError(reason: "must be a whole number", offset: start, isWrongType: true)
            }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.subtractingReportingOverflow(Int64(digit - 0x30))
            guard !overflow, !carry else {
                throw JSONError(reason: "is out of range", offset: start, isWrongType: true)
            }
            value = sum
            index += 1
        }
        if negative { return value }
        guard value != .min else { throw JSONError(reason: "is out of range", offset: start, isWrongType: true) }
        return -value
    }

    /// Reads a number as it is written, checked against the grammar: exact decimals are the caller's business.
    public mutating func readNumberText() throws -> String {
        let range = try readNumberRange()
        return String(
            decoding: UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count), as: UTF8.self)
    }

    /// As `readNumberText`, without the copy: valid while the bytes are.
    public mutating func readNumberBytes() throws -> UnsafeRawBufferPointer {
        let range = try readNumberRange()
        return UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }

    private mutating func readNumberRange() throws -> Range<Int> {
        guard peekKind() == .number else { throw wrongType("a number") }
        return try scanNumber()
    }

    public mutating func readBool() throws -> Bool {
        switch peekKind() {
        case .bool where current == UInt8(ascii: "t"):
            try literal("true")
            return true
        case .bool:
            try literal("false")
            return false
        default: throw wrongType("true or false")
        }
    }

    /// Reads `null` if that is what comes next.
    public mutating func readIfNull() throws -> Bool {
        guard peekKind() == .null else { return false }
        try literal("null")
        return true
    }

    /// Checks and passes over the next value.
    public mutating func skipValue() throws {
        switch peekKind() {
        case .object: try readObject { _, reader in try reader.skipValue() }
        case .array: try readArray { _, reader in try reader.skipValue() }
        case .string:
            let (start, length, escaped) = try scanString()
            if escaped { _ = try unescape(start, length) }
        case .number: _ = try scanNumber()
        case .bool: _ = try readBool()
        case .null: try literal("null")
        case .end: throw malformed("ends too early")
        case .invalid: throw malformed("expected a value")
        }
    }

    /// Checks and passes over the next value, and returns its bytes, for passing on as they are.
    /// Valid while the bytes are.
    public mutating func rawValue() throws -> UnsafeRawBufferPointer {
        skipSpace()
        let start = position
        try skipValue()
        return UnsafeRawBufferPointer(start: base + start, count: position - start)
    }

    // MARK: Scanning

    @inlinable @inline(__always)
    func byte(_ index: Int) -> UInt8 { base.load(fromByteOffset: index, as: UInt8.self) }

    /// The next byte; 0, which no JSON has outside of nothing, at the end.
    @inlinable @inline(__always)
    var current: UInt8 { position < count ? byte(position) : 0 }

    @inlinable @inline(__always)
    mutating func skipSpace() {
        while position < count {
            let next = byte(position)
            guard next == 0x20 || next == 0x0A || next == 0x0D || next == 0x09 else { return }
            position += 1
        }
    }

    @inlinable
    mutating func open(_ bracket: UInt8, _ kind: JSONKind) throws {
        skipSpace()
        guard current == bracket else { throw wrongType(kind.article) }
        guard depth < depthLimit else { throw malformed("nests deeper than \(depthLimit) levels") }
        depth += 1
        position += 1
    }

    @inlinable @inline(__always)
    mutating func close() {
        depth -= 1
        position += 1
    }

    @usableFromInline
    mutating func readKey() throws -> JSONKey {
        let (start, length, escaped) = try scanString()
        return JSONKey(
            base: base, start: start, count: length, decoded: escaped ? try unescape(start, length) : nil)
    }

    /// Passes over a string and returns where its content lies and whether it has escapes. UTF-8 is checked here,
    /// escapes only as far as to find the end.
    @usableFromInline
    mutating func scanString() throws -> (start: Int, length: Int, escaped: Bool) {
        position += 1
        let start = position
        var escaped = false
        while position < count {
            let next = byte(position)
            switch next {
            case UInt8(ascii: "\""):
                let length = position - start
                position += 1
                return (start, length, escaped)
            case UInt8(ascii: "\\"):
                escaped = true
                position += 2
            case 0..<0x20: throw malformed("has a control character in a string")
            case 0..<0x80: position += 1
            default: position += try UTF8Check.length(base, position, count).orThrow(malformed("is not valid UTF-8"))
            }
        }
        position = min(position, count)
        throw malformed("has a string without an end")
    }

    @usableFromInline
    mutating func scanNumber() throws -> Range<Int> {
        let start = position
        if current == UInt8(ascii: "-") { position += 1 }
        let whole = position
        try digits()
        guard byte(whole) != UInt8(ascii: "0") || position == whole + 1 else {
            position = start
            throw malformed("has a number with a leading zero")
        }
        if current == UInt8(ascii: ".") {
            position += 1
            try digits()
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            position += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
        return start..<position
    }

    private mutating func digits() throws {
        let start = position
        while position < count, byte(position) >= 0x30, byte(position) <= 0x39 { position += 1 }
        guard position > start else { throw malformed("has a number without digits") }
    }

    private mutating func literal(_ text: StaticString) throws {
        let length = text.utf8CodeUnitCount
        guard position + length <= count else { throw malformed("ends too early") }
        for index in 0..<length where byte(position + index) != text.utf8Start[index] {
            throw malformed("expected \(text)")
        }
        position += length
    }

    private func unescape(_ start: Int, _ length: Int) throws -> String {
        do {
            return try StringEscapes.decode(UnsafeRawBufferPointer(start: base + start, count: length))
        } catch {
            throw JSONError(reason: error.reason, offset: start + error.offset)
        }
    }

    // MARK: Errors

    @usableFromInline
    func malformed(_ reason: String) -> JSONError { JSONError(reason: reason, offset: min(position, count)) }

    @usableFromInline
    mutating func wrongType(_ wanted: String) -> JSONError {
        let kind = peekKind()
        switch kind {
        case .end: return malformed("ends too early")
        case .invalid: return malformed("expected a value")
        default:
            return JSONError(reason: "must be \(wanted), not \(kind.article)", offset: position, isWrongType: true)
        }
    }

    /// The error with one more token in front of its pointer. Errors of decoders take part by `JSONLocated`.
    @usableFromInline
    static func prefixed(_ error: any Error, _ token: String) -> any Error {
        let escaped =
            token.utf8.contains { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }
            ? token.split(separator: "~", omittingEmptySubsequences: false).joined(separator: "~0")
                .split(separator: "/", omittingEmptySubsequences: false).joined(separator: "~1") : token
        if var error = error as? any JSONLocated {
            error.pointer = "/" + escaped + error.pointer
            return error
        }
        return error
    }
}

/// An error that says where in a document it is. Thrown inside `readObject` and `readArray` with an empty pointer, it
/// comes out with the whole one.
public protocol JSONLocated: Error {
    var pointer: String { get set }
}

extension JSONError: JSONLocated {}

extension Optional {
    fileprivate func orThrow(_ error: @autoclosure () -> JSONError) throws -> Wrapped {
        guard let self else { throw error() }
        return self
    }
}
