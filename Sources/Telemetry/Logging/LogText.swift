/// Text in log lines. Whatever a value holds, it can't end its line, pretend to be another field, or speak to the
/// terminal of who reads it.
enum LogText {
    /// Bytes of one value; what is longer is cut.
    static let limit = 8 << 10

    /// Appends a JSON string of printable characters only.
    static func appendQuoted(_ text: String, to line: inout [UInt8]) {
        let start = line.count
        line.append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            if line.count - start > limit {
                line.append(contentsOf: "…".utf8)
                break
            }
            append(scalar, to: &line)
        }
        line.append(UInt8(ascii: "\""))
    }

    /// Appends the text as it is when it is one plain word, else quoted.
    static func appendWord(_ text: String, to line: inout [UInt8]) {
        if !text.isEmpty, text.utf8.count <= limit, text.unicodeScalars.allSatisfy({ $0 != " " && isPlain($0) }) {
            line.append(contentsOf: text.utf8)
        } else {
            appendQuoted(text, to: &line)
        }
    }

    /// Appends an event's name or sentence: words without quotes unless they could be taken for fields.
    static func appendMessage(_ text: String, to line: inout [UInt8]) {
        if text.utf8.count <= limit, text.first != " ", !text.isEmpty,
            text.unicodeScalars.allSatisfy({ isPlain($0) })
        {
            line.append(contentsOf: text.utf8)
        } else {
            appendQuoted(text, to: &line)
        }
    }

    /// A field's name: letters, digits, `_ . -`.
    static func name(_ text: String) -> String {
        let isGood = { (byte: UInt8) in
            (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "_")
                || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
        }
        if !text.isEmpty, text.utf8.count <= 64, text.utf8.allSatisfy(isGood) { return text }
        let bytes = text.utf8.prefix(64).map { isGood($0) ? $0 : UInt8(ascii: "_") }
        return bytes.isEmpty ? "_" : String(decoding: bytes, as: UTF8.self)
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\"", "\\", "=": false
        default: !isUnprintable(scalar)
        }
    }

    /// Controls (C0, DEL, C1, which hold what moves a terminal's cursor), line and paragraph separators, and marks that
    /// turn the direction of the text around (CVE-2021-42574).
    private static func isUnprintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x00...0x1F, 0x7F...0x9F, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
        default: false
        }
    }

    private static func append(_ scalar: Unicode.Scalar, to line: inout [UInt8]) {
        switch scalar {
        case "\"", "\\": line.append(contentsOf: [UInt8(ascii: "\\"), UInt8(scalar.value)])
        case "\n": line.append(contentsOf: "\\n".utf8)
        case "\r": line.append(contentsOf: "\\r".utf8)
        case "\t": line.append(contentsOf: "\\t".utf8)
        default:
            if isUnprintable(scalar) {
                let digits = String(scalar.value, radix: 16)
                line.append(contentsOf: "\\u".utf8)
                line.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: 4 - digits.utf8.count))
                line.append(contentsOf: digits.utf8)
            } else {
                line.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
    }
}
