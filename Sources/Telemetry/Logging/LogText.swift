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
        default: !PrintableText.isUnprintable(scalar)
        }
    }

    private static func append(_ scalar: Unicode.Scalar, to line: inout [UInt8]) {
        switch scalar {
        case "\"", "\\": line.append(contentsOf: [UInt8(ascii: "\\"), UInt8(scalar.value)])
        default: PrintableText.append(scalar, to: &line)
        }
    }
}
