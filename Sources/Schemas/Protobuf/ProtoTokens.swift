/// Words of a `.proto` file: names, numbers, texts and signs; comments and blanks are between them.
struct ProtoTokens {
    enum Token: Hashable {
        /// With dots inside and maybe one before.
        case name(String)
        case number(String)
        case text(String)
        case sign(UInt8)
        case end
    }

    private let bytes: [UInt8]
    private var offset = 0
    private(set) var line = 1
    private(set) var next = Token.end

    init(_ text: String) throws(SchemaSyntaxError) {
        bytes = Array(text.utf8)
        try advance()
    }

    func failure(_ words: String) -> SchemaSyntaxError { SchemaSyntaxError("line \(line): \(words)") }

    /// Takes the next word.
    @discardableResult
    mutating func take() throws(SchemaSyntaxError) -> Token {
        let token = next
        try advance()
        return token
    }

    /// Takes the next word if it is that sign.
    mutating func skip(_ sign: Unicode.Scalar) throws(SchemaSyntaxError) -> Bool {
        guard next == .sign(UInt8(ascii: sign)) else { return false }
        try advance()
        return true
    }

    /// Takes the next word if it is that name.
    mutating func skip(word: String) throws(SchemaSyntaxError) -> Bool {
        guard next == .name(word) else { return false }
        try advance()
        return true
    }

    mutating func expect(_ sign: Unicode.Scalar) throws(SchemaSyntaxError) {
        guard try skip(sign) else { throw failure("expected \(sign)") }
    }

    mutating func name() throws(SchemaSyntaxError) -> String {
        guard case .name(let text) = next else { throw failure("expected a name") }
        try advance()
        return text
    }

    mutating func text() throws(SchemaSyntaxError) -> String {
        guard case .text(var text) = next else { throw failure("expected a text in quotes") }
        try advance()
        // Neighbours are one text.
        while case .text(let more) = next {
            text += more
            try advance()
        }
        return text
    }

    /// A whole number, in decimal, hexadecimal or octal digits.
    mutating func integer() throws(SchemaSyntaxError) -> Int {
        let isNegative = try skip("-")
        guard case .number(let digits) = next, let value = Self.value(digits) else {
            throw failure("expected a whole number")
        }
        try advance()
        return isNegative ? -value : value
    }

    private static func value(_ digits: String) -> Int? {
        if digits.hasPrefix("0x") || digits.hasPrefix("0X") { return Int(digits.dropFirst(2), radix: 16) }
        return digits.count > 1 && digits.hasPrefix("0") ? Int(digits, radix: 8) : Int(digits)
    }

    /// Passes over everything up to the end of a statement or of its block.
    mutating func skipStatement() throws(SchemaSyntaxError) {
        var depth = 0
        while true {
            switch try take() {
            case .end: throw failure("ends too early")
            case .sign(UInt8(ascii: "{")): depth += 1
            case .sign(UInt8(ascii: "}")):
                depth -= 1
                guard depth >= 0 else { throw failure("unexpected }") }
                // A block ends its statement, but for the value of an option, which a semicolon follows.
                if depth == 0, next != .sign(UInt8(ascii: ";")) { return }
            case .sign(UInt8(ascii: ";")): if depth == 0 { return }
            default: break
            }
        }
    }

    // MARK: Reading

    private mutating func advance() throws(SchemaSyntaxError) {
        try skipBlanks()
        guard offset < bytes.count else {
            next = .end
            return
        }
        let byte = bytes[offset]
        if Self.isNameStart(byte)
            || byte == UInt8(ascii: ".") && offset + 1 < bytes.count
                && Self.isNameStart(bytes[offset + 1])
        {
            next = .name(run { Self.isNamePart($0) || $0 == UInt8(ascii: ".") })
        } else if Self.isDigit(byte) {
            next = .number(run { Self.isNamePart($0) || $0 == UInt8(ascii: ".") })
        } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
            next = .text(try quoted(byte))
        } else {
            offset += 1
            next = .sign(byte)
        }
    }

    private mutating func run(while isPart: (UInt8) -> Bool) -> String {
        let start = offset
        offset += 1
        while offset < bytes.count, isPart(bytes[offset]) { offset += 1 }
        return String(decoding: bytes[start..<offset], as: UTF8.self)
    }

    /// Escapes stay what they are, but for the quote: only names and paths are looked at.
    private mutating func quoted(_ quote: UInt8) throws(SchemaSyntaxError) -> String {
        offset += 1
        var text: [UInt8] = []
        while offset < bytes.count, bytes[offset] != quote {
            guard bytes[offset] != UInt8(ascii: "\n") else { break }
            if bytes[offset] == UInt8(ascii: "\\"), offset + 1 < bytes.count { offset += 1 }
            text.append(bytes[offset])
            offset += 1
        }
        guard offset < bytes.count, bytes[offset] == quote else { throw failure("a text without its end") }
        offset += 1
        return String(decoding: text, as: UTF8.self)
    }

    private mutating func skipBlanks() throws(SchemaSyntaxError) {
        while offset < bytes.count {
            let byte = bytes[offset]
            let after = offset + 1 < bytes.count ? bytes[offset + 1] : 0
            if byte == UInt8(ascii: "\n") { line += 1 }
            if byte <= 0x20 {
                offset += 1
            } else if byte == UInt8(ascii: "/"), after == UInt8(ascii: "/") {
                while offset < bytes.count, bytes[offset] != UInt8(ascii: "\n") { offset += 1 }
            } else if byte == UInt8(ascii: "/"), after == UInt8(ascii: "*") {
                offset += 2
                while true {
                    guard offset + 1 < bytes.count else { throw failure("a comment without its end") }
                    if bytes[offset] == UInt8(ascii: "*"), bytes[offset + 1] == UInt8(ascii: "/") { break }
                    if bytes[offset] == UInt8(ascii: "\n") { line += 1 }
                    offset += 1
                }
                offset += 2
            } else {
                return
            }
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isNameStart(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            || byte == UInt8(ascii: "_")
    }

    private static func isNamePart(_ byte: UInt8) -> Bool { isNameStart(byte) || isDigit(byte) }
}
