import JSON

/// Texts of JSON, of which those that are mostly hexadecimal digits have six bits a character instead of four and no dashes
/// (RFC 4648 §5, without padding).
///
/// - `~` and 22 characters: a UUID in lower case, `8-4-4-4-12`.
/// - `^` and 34 characters: a `traceparent` of version 00 (W3C Trace Context §3.2).
/// - `=`: what follows is the text, which begins with one of these three itself.
/// - Anything else is the text.
enum ShortText {
    private struct Shape {
        let mark: UInt8
        /// What the text begins with, before its digits.
        let prefix: StaticString
        let dashes: [Int]
        /// Bytes of the text.
        let count: Int
        /// Characters behind the mark.
        let short: Int

        static let uuid = Shape(
            mark: UInt8(ascii: "~"), prefix: "", dashes: [8, 13, 18, 23], count: 36, short: 22)
        static let trace = Shape(
            mark: UInt8(ascii: "^"), prefix: "00-", dashes: [35, 52], count: 55, short: 34)
        static let all = [uuid, trace]
    }

    private static let literal = UInt8(ascii: "=")
    private static let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    /// Appends the text as a JSON string.
    static func append(_ text: String, to json: inout [UInt8]) {
        var text = text
        text.withUTF8 { text in
            if let shape = Shape.all.first(where: { $0.count == text.count }) {
                let start = json.count
                json.append(UInt8(ascii: "\""))
                json.append(shape.mark)
                if shorten(text, as: shape, to: &json) {
                    json.append(UInt8(ascii: "\""))
                    return
                }
                json.removeSubrange(start...)
            }
            let isMarked = text.first.map { $0 == Shape.uuid.mark || $0 == Shape.trace.mark || $0 == literal } ?? false
            if isMarked {
                JSONWriter.append("=" + String(decoding: text, as: UTF8.self), to: &json)
            } else {
                JSONWriter.append(utf8: UnsafeRawBufferPointer(text), to: &json)
            }
        }
    }

    /// False where the text isn't of that shape; what was appended means nothing then.
    private static func shorten(_ text: UnsafeBufferPointer<UInt8>, as shape: Shape, to bytes: inout [UInt8]) -> Bool {
        let prefix = shape.prefix.utf8CodeUnitCount
        for index in 0..<prefix where text[index] != shape.prefix.utf8Start[index] { return false }
        var (bits, digits) = (0, 0)
        for index in prefix..<text.count {
            if shape.dashes.contains(index) {
                guard text[index] == UInt8(ascii: "-") else { return false }
                continue
            }
            switch text[index] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): bits = bits << 4 | Int(text[index] - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): bits = bits << 4 | Int(text[index] - UInt8(ascii: "a") + 10)
            default: return false
            }
            digits += 1
            if digits % 3 == 0 {
                put(bits, to: &bytes)
                bits = 0
            }
        }
        // Of both shapes two digits are left.
        put(bits << 4, to: &bytes)
        return true
    }

    /// Twelve bits.
    private static func put(_ bits: Int, to bytes: inout [UInt8]) {
        bytes.append(alphabet.utf8Start[bits >> 6 & 63])
        bytes.append(alphabet.utf8Start[bits & 63])
    }

    /// The text that a string of JSON stands for, valid while `body` runs.
    static func read(_ string: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let rest = UnsafeRawBufferPointer(rebasing: string.dropFirst())
        switch string.first {
        case Shape.uuid.mark: try lengthen(rest, as: .uuid, body)
        case Shape.trace.mark: try lengthen(rest, as: .trace, body)
        case literal: try body(rest)
        default: try body(string)
        }
    }

    private static func lengthen(
        _ short: UnsafeRawBufferPointer, as shape: Shape, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard short.count == shape.short else { throw malformed(short.count) }
        try withUnsafeTemporaryAllocation(byteCount: shape.count, alignment: 1) { text in
            var end = 0
            func put(_ byte: UInt8) {
                text[end] = byte
                end += 1
            }
            for index in 0..<shape.prefix.utf8CodeUnitCount { put(shape.prefix.utf8Start[index]) }
            for index in stride(from: 0, to: short.count, by: 2) {
                guard let high = value(short[index]), let low = value(short[index + 1]) else { throw malformed(index) }
                let bits = high << 6 | low
                for shift in [8, 4, 0] where end < shape.count {
                    if shape.dashes.contains(end) { put(UInt8(ascii: "-")) }
                    let digit = UInt8(bits >> shift & 15)
                    put(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
                }
            }
            try body(UnsafeRawBufferPointer(text))
        }
    }

    private static func malformed(_ offset: Int) -> JSONError {
        JSONError(reason: "is no short text", offset: offset)
    }

    private static func value(_ character: UInt8) -> Int? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): Int(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): Int(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
