/// Where tokens end. Everything else of the reader stands on these.
extension JSONReader {
    /// The content of a string, without its quotes.
    @usableFromInline
    struct StringRange {
        @usableFromInline let start: Int
        @usableFromInline let length: Int
        @usableFromInline let escaped: Bool
    }

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
            position &+= 1
        }
    }

    @inlinable @inline(__always)
    mutating func open(_ bracket: UInt8, _ kind: JSONKind) throws {
        skipSpace()
        guard current == bracket else { throw wrongType(kind.article) }
        guard depth < depthLimit else { throw malformed("nests deeper than \(depthLimit) levels") }
        depth &+= 1
        position &+= 1
    }

    @inlinable @inline(__always)
    mutating func close() {
        depth &-= 1
        position &+= 1
    }

    @usableFromInline
    mutating func readKey() throws -> JSONKey {
        let text = try scanString()
        // Wrong escapes are refused here, so that a key can always be decoded later.
        if text.escaped { _ = try unescape(text.start, text.length) }
        return JSONKey(
            content: UnsafeRawBufferPointer(start: base + text.start, count: text.length), escaped: text.escaped)
    }

    mutating func stringRange() throws -> StringRange {
        guard peekKind() == .string else { throw wrongType("a string") }
        return try scanString()
    }

    /// Passes over a string, from quote to quote. UTF-8 is checked here, escapes only as far as to find the end.
    mutating func scanString() throws -> StringRange {
        position &+= 1
        let start = position
        var escaped = false
        while true {
            // Eight bytes at a time while none of them needs a look.
            while position &+ 8 <= count {
                let word = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: position, as: UInt64.self))
                let special = Self.specialBytes(word)
                position &+= special == 0 ? 8 : special.trailingZeroBitCount &>> 3
                if special != 0 { break }
            }
            guard position < count else { throw malformed("has a string without an end") }
            switch byte(position) {
            case UInt8(ascii: "\""):
                position &+= 1
                return StringRange(start: start, length: position &- 1 &- start, escaped: escaped)
            case UInt8(ascii: "\\"):
                guard position &+ 1 < count else { throw malformed("has a string without an end") }
                escaped = true
                position &+= 2
            case 0..<0x20: throw malformed("has a control character in a string")
            case 0..<0x80: position &+= 1
            default:
                guard let length = UTF8Check.length(base, position, count) else {
                    throw malformed("is not valid UTF-8")
                }
                position &+= length
            }
        }
    }

    /// The high bit of each byte that ends a plain stretch: a quote, a backslash, a control character, anything above
    /// ASCII. Exact for the lowest such byte ("Bit Twiddling Hacks", haszero and hasless); those above it may be wrong.
    @inline(__always)
    static func specialBytes(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let quote = word ^ (ones &* 0x22)
        let backslash = word ^ (ones &* 0x5C)
        return
            (((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash)
            | ((word &- ones &* 0x20) & ~word) | word) & (ones &* 0x80)
    }

    mutating func scanNumber() throws -> Range<Int> {
        let start = position
        if current == UInt8(ascii: "-") { position &+= 1 }
        let whole = position
        try digits()
        guard byte(whole) != UInt8(ascii: "0") || position == whole + 1 else {
            position = start
            throw malformed("has a number with a leading zero")
        }
        if current == UInt8(ascii: ".") {
            position &+= 1
            try digits()
        }
        if current | 0x20 == UInt8(ascii: "e") {
            position &+= 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position &+= 1 }
            try digits()
        }
        return start..<position
    }

    private mutating func digits() throws {
        let start = position
        while position < count, byte(position) &- 0x30 <= 9 { position &+= 1 }
        guard position > start else { throw malformed("has a number without digits") }
    }

    mutating func literal(_ text: StaticString) throws {
        let length = text.utf8CodeUnitCount
        guard position + length <= count else { throw malformed("ends too early") }
        for index in 0..<length where byte(position + index) != text.utf8Start[index] {
            throw malformed("expected \(text)")
        }
        position += length
    }

    func unescape(_ start: Int, _ length: Int) throws -> String {
        do {
            return try StringEscapes.decode(UnsafeRawBufferPointer(start: base + start, count: length))
        } catch {
            throw JSONError(reason: error.reason, offset: start + error.offset)
        }
    }
}
