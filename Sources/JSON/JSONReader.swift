/// A strict pull parser for RFC 8259 over bytes that it doesn't own: for decoders written by hand on a hot path.
///
///     var reader = JSONReader(bytes)
///     try reader.readObject { key, reader in
///         if key == "sku" { sku = try reader.readString() } else { try reader.skipValue() }
///     }
///     try reader.end()
///
/// Stricter than the grammar where it is silent: names may not repeat in an object, text is valid UTF-8 without lone
/// surrogates, and depth is limited. Values that nobody reads are still checked. Errors carry the RFC 6901 pointer,
/// which is put together only when one is thrown, as the calls unwind.
///
/// The bytes must stay in place and unchanged while the reader lives. After a malformed text was reported, nothing
/// more can be read; after a value of the wrong type was, it may be read or skipped as what it is.
public struct JSONReader {
    @usableFromInline let base: UnsafeRawPointer
    @usableFromInline let count: Int
    @usableFromInline var position = 0
    @usableFromInline var depth = 0
    @usableFromInline let depthLimit: Int

    /// Values nobody knows the shape of are walked recursively: so many levels fit a stack of 512 KiB in debug builds.
    public static let maximumDepth = 128

    /// - Parameter depthLimit: how deep arrays and objects may nest, at most `maximumDepth`.
    public init(_ bytes: UnsafeRawBufferPointer, depthLimit: Int = 16) {
        // An empty buffer may have no address; nothing is ever read from it.
        base = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1).unsafelyUnwrapped
        count = bytes.count
        self.depthLimit = min(depthLimit, Self.maximumDepth)
    }

    /// Byte offset of what is read next.
    public var offset: Int { position }

    /// Reads an object, handing each member's name to `member`, which must read or skip exactly its value.
    @inlinable
    public mutating func readObject(_ member: (JSONKey, inout JSONReader) throws -> Void) throws {
        try open(UInt8(ascii: "{"), .object)
        skipSpace()
        if current == UInt8(ascii: "}") { return close() }
        var seen = SeenKeys()
        while true {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw malformed("expected a member name in quotes") }
            let start = position
            let key = try readKey()
            guard seen.insert(key) else { throw repeated(key, at: start) }
            skipSpace()
            guard current == UInt8(ascii: ":") else { throw malformed("expected ':' after a member name") }
            position &+= 1
            skipSpace()
            do {
                try member(key, &self)
            } catch {
                throw JSONPointer.prefixed(error, key.string)
            }
            skipSpace()
            switch current {
            case UInt8(ascii: ","): position &+= 1
            case UInt8(ascii: "}"): return close()
            default: throw malformed("expected ',' or '}' in an object")
            }
        }
    }

    /// Reads an array, handing each index to `element`, which must read or skip exactly one value.
    ///
    /// - Parameter limit: more elements are refused, as something other than what was asked for.
    @inlinable
    public mutating func readArray(
        limit: Int = .max, _ element: (Int, inout JSONReader) throws -> Void
    ) throws {
        try open(UInt8(ascii: "["), .array)
        let start = position &- 1
        skipSpace()
        if current == UInt8(ascii: "]") { return close() }
        var index = 0
        while true {
            guard index < limit else { throw tooMany(limit, at: start) }
            skipSpace()
            do {
                try element(index, &self)
            } catch {
                throw JSONPointer.prefixed(error, String(index))
            }
            index &+= 1
            skipSpace()
            switch current {
            case UInt8(ascii: ","): position &+= 1
            case UInt8(ascii: "]"): return close()
            default: throw malformed("expected ',' or ']' in an array")
            }
        }
    }

    /// Nothing but white space may follow.
    public mutating func end() throws {
        skipSpace()
        guard position == count else { throw malformed("has something after its end") }
    }

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

    /// Checks and passes over the next value.
    public mutating func skipValue() throws {
        switch peekKind() {
        case .object: try readObject { _, reader in try reader.skipValue() }
        case .array: try readArray { _, reader in try reader.skipValue() }
        case .string:
            let text = try scanString()
            if text.escaped { _ = try unescape(text.start, text.length) }
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

    @usableFromInline
    func repeated(_ key: JSONKey, at offset: Int) -> any Error {
        JSONPointer.prefixed(JSONError(reason: "is there twice", offset: offset), key.string)
    }

    @usableFromInline
    func tooMany(_ limit: Int, at offset: Int) -> JSONError {
        JSONError(reason: "must have at most \(limit) elements", offset: offset, isWrongType: true)
    }
}
