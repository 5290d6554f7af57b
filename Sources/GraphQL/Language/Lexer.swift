/// Reads tokens from UTF-8 (specification, section 2.1 and appendix B). White space, line ends, commas, comments and
/// the byte order mark are skipped.
struct Lexer {
    let bytes: [UInt8]
    private(set) var index = 0

    init(_ source: SourceText) { bytes = source.bytes }

    mutating func next() throws(SyntaxError) -> Token {
        skipIgnored()
        guard index < bytes.count else { return Token(kind: .end, offset: bytes.count, text: "") }
        let start = index
        let byte = bytes[start]
        if let kind = Self.punctuator(byte) {
            index += 1
            return Token(kind: kind, offset: start, text: "")
        }
        if Self.isNameStart(byte) { return name() }
        if Self.isDigit(byte) || byte == UInt8(ascii: "-") { return try number() }
        if byte == UInt8(ascii: "\"") {
            if at(start + 1) == byte, at(start + 2) == byte { return try blockString() }
            return try string()
        }
        if byte == UInt8(ascii: ".") {
            if at(start + 1) == byte, at(start + 2) == byte {
                index += 3
                return Token(kind: .spread, offset: start, text: "")
            }
            if at(start + 1) == byte {
                throw SyntaxError(reason: "Unexpected '..', did you mean '...'?", offset: start)
            }
            if let digit = at(start + 1), Self.isDigit(digit) {
                throw SyntaxError(reason: "Invalid number, expected digit before '.'.", offset: start)
            }
        }
        if byte == UInt8(ascii: "'") {
            throw SyntaxError(
                reason: "Unexpected single quote character ('), did you mean to use a double quote (\")?", offset: start
            )
        }
        throw SyntaxError(reason: "Unexpected character: \(character(at: start)).", offset: start)
    }

    private mutating func skipIgnored() {
        while index < bytes.count {
            switch bytes[index] {
            case 0x20, 0x09, 0x0A, 0x0D, UInt8(ascii: ","): index += 1
            case UInt8(ascii: "#"):
                while index < bytes.count, bytes[index] != 0x0A, bytes[index] != 0x0D { index += 1 }
            case 0xEF where at(index + 1) == 0xBB && at(index + 2) == 0xBF: index += 3
            default: return
            }
        }
    }

    private mutating func name() -> Token {
        let start = index
        while index < bytes.count, Self.isNameStart(bytes[index]) || Self.isDigit(bytes[index]) { index += 1 }
        return Token(kind: .name, offset: start, text: text(start..<index))
    }

    // MARK: Numbers (sections 2.9.1 and 2.9.2)

    private mutating func number() throws(SyntaxError) -> Token {
        let start = index
        var kind = Token.Kind.int
        if bytes[index] == UInt8(ascii: "-") { index += 1 }
        if at(index) == UInt8(ascii: "0") {
            index += 1
            if let digit = at(index), Self.isDigit(digit) {
                throw SyntaxError(
                    reason: "Invalid number, unexpected digit after 0: \(character(at: index)).", offset: index)
            }
        } else {
            try digits()
        }
        if at(index) == UInt8(ascii: ".") {
            kind = .float
            index += 1
            try digits()
        }
        if let byte = at(index), byte | 0x20 == UInt8(ascii: "e") {
            kind = .float
            index += 1
            if let sign = at(index), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { index += 1 }
            try digits()
        }
        if let byte = at(index), byte == UInt8(ascii: ".") || Self.isNameStart(byte) {
            throw expectedDigit()
        }
        return Token(kind: kind, offset: start, text: text(start..<index))
    }

    private mutating func digits() throws(SyntaxError) {
        guard let first = at(index), Self.isDigit(first) else { throw expectedDigit() }
        while let byte = at(index), Self.isDigit(byte) { index += 1 }
    }

    private func expectedDigit() -> SyntaxError {
        SyntaxError(reason: "Invalid number, expected digit but got: \(character(at: index)).", offset: index)
    }

    // MARK: Strings (section 2.9.4)

    private mutating func string() throws(SyntaxError) -> Token {
        let start = index
        index += 1
        var value: [UInt8] = []
        while let byte = at(index) {
            switch byte {
            case UInt8(ascii: "\""):
                index += 1
                return Token(kind: .string, offset: start, text: String(decoding: value, as: UTF8.self))
            case UInt8(ascii: "\\"): try escape(into: &value)
            case 0x0A, 0x0D: throw SyntaxError(reason: "Unterminated string.", offset: index)
            default:
                value.append(byte)
                index += 1
            }
        }
        throw SyntaxError(reason: "Unterminated string.", offset: index)
    }

    private mutating func escape(into value: inout [UInt8]) throws(SyntaxError) {
        let start = index
        switch at(start + 1) {
        case UInt8(ascii: "\""): value.append(UInt8(ascii: "\""))
        case UInt8(ascii: "\\"): value.append(UInt8(ascii: "\\"))
        case UInt8(ascii: "/"): value.append(UInt8(ascii: "/"))
        case UInt8(ascii: "b"): value.append(0x08)
        case UInt8(ascii: "f"): value.append(0x0C)
        case UInt8(ascii: "n"): value.append(0x0A)
        case UInt8(ascii: "r"): value.append(0x0D)
        case UInt8(ascii: "t"): value.append(0x09)
        case UInt8(ascii: "u"):
            value.append(contentsOf: String(try unicodeEscape()).utf8)
            return
        default: throw SyntaxError(reason: "Invalid character escape sequence.", offset: start)
        }
        index = start + 2
    }

    /// `\u{…}`, `\uXXXX`, or two of the latter that are a surrogate pair.
    private mutating func unicodeEscape() throws(SyntaxError) -> Unicode.Scalar {
        let start = index
        let invalid = SyntaxError(reason: "Invalid Unicode escape sequence.", offset: start)
        if at(start + 2) == UInt8(ascii: "{") {
            var point: UInt32 = 0
            var position = start + 3
            // Eight digits at most, so that the value can't overflow.
            while let digit = at(position).flatMap(Self.hexadecimal), position < start + 11 {
                point = point << 4 | digit
                position += 1
            }
            guard position > start + 3, at(position) == UInt8(ascii: "}"), let scalar = Unicode.Scalar(point) else {
                throw invalid
            }
            index = position + 1
            return scalar
        }
        guard let first = fourDigits(at: start + 2) else { throw invalid }
        if let scalar = Unicode.Scalar(first) {
            index = start + 6
            return scalar
        }
        guard first < 0xDC00, at(start + 6) == UInt8(ascii: "\\"), at(start + 7) == UInt8(ascii: "u"),
            let second = fourDigits(at: start + 8), (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw invalid }
        index = start + 12
        return scalar
    }

    private func fourDigits(at position: Int) -> UInt32? {
        var value: UInt32 = 0
        for index in position..<position + 4 {
            guard let digit = at(index).flatMap(Self.hexadecimal) else { return nil }
            value = value << 4 | digit
        }
        return value
    }

    private mutating func blockString() throws(SyntaxError) -> Token {
        let start = index
        let quote = UInt8(ascii: "\"")
        index += 3
        var lines: [[UInt8]] = []
        var line: [UInt8] = []
        while let byte = at(index) {
            if byte == quote, at(index + 1) == quote, at(index + 2) == quote {
                index += 3
                lines.append(line)
                return Token(kind: .blockString, offset: start, text: BlockString.value(ofLines: lines))
            }
            if byte == UInt8(ascii: "\\"), at(index + 1) == quote, at(index + 2) == quote, at(index + 3) == quote {
                line.append(contentsOf: [quote, quote, quote])
                index += 4
            } else if byte == 0x0A || byte == 0x0D {
                index += byte == 0x0D && at(index + 1) == 0x0A ? 2 : 1
                lines.append(line)
                line = []
            } else {
                line.append(byte)
                index += 1
            }
        }
        throw SyntaxError(reason: "Unterminated string.", offset: index)
    }

    // MARK: Characters

    private func at(_ position: Int) -> UInt8? { position < bytes.count ? bytes[position] : nil }

    private func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    /// The character there, for error messages.
    private func character(at position: Int) -> String {
        guard position < bytes.count else { return "<EOF>" }
        let scalar = String(decoding: bytes[position..<min(position + 4, bytes.count)], as: UTF8.self).unicodeScalars
            .first
        guard let scalar else { return "<EOF>" }
        if scalar.isASCII, scalar.value >= 0x20, scalar.value < 0x7F { return "'\(scalar)'" }
        let digits = String(scalar.value, radix: 16, uppercase: true)
        return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    static func isNameStart(_ byte: UInt8) -> Bool {
        (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A) || byte == UInt8(ascii: "_")
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x30...0x39: UInt32(byte - 0x30)
        case 0x41...0x46: UInt32(byte - 0x41 + 10)
        case 0x61...0x66: UInt32(byte - 0x61 + 10)
        default: nil
        }
    }

    private static func punctuator(_ byte: UInt8) -> Token.Kind? {
        switch byte {
        case UInt8(ascii: "!"): .bang
        case UInt8(ascii: "$"): .dollar
        case UInt8(ascii: "&"): .ampersand
        case UInt8(ascii: "("): .leftParenthesis
        case UInt8(ascii: ")"): .rightParenthesis
        case UInt8(ascii: ":"): .colon
        case UInt8(ascii: "="): .equals
        case UInt8(ascii: "@"): .at
        case UInt8(ascii: "["): .leftBracket
        case UInt8(ascii: "]"): .rightBracket
        case UInt8(ascii: "{"): .leftBrace
        case UInt8(ascii: "|"): .pipe
        case UInt8(ascii: "}"): .rightBrace
        default: nil
        }
    }
}
