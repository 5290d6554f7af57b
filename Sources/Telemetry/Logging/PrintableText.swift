/// Text that can be shown: whatever it holds, it can't end its line, nor speak to the terminal of who reads it. The one
/// place that knows which characters do.
public enum PrintableText {
    /// Controls (C0, DEL, C1, which hold what moves a terminal's cursor), line and paragraph separators, and marks that
    /// turn the direction of the text around (CVE-2021-42574) or are no characters of it. None is beyond U+FFFF.
    public static func isUnprintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x00...0x1F, 0x7F...0x9F, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x206F, 0xFEFF,
            0xFFF9...0xFFFB:
            true
        default: false
        }
    }

    /// The text with an escape in place of each such character, as JSON would write it: `\n`, `\u001b`.
    public static func escaped(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isUnprintable) else { return text }
        var bytes: [UInt8] = []
        for scalar in text.unicodeScalars { append(scalar, to: &bytes) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The same for JSON on one line, from `start` to the end: what it says stays the same.
    public static func escape(json bytes: inout [UInt8], from start: Int = 0) {
        // DEL, or the first byte of any character beyond ASCII.
        guard bytes[start...].contains(where: { $0 >= 0x7F }) else { return }
        let text = String(decoding: bytes[start...], as: UTF8.self)
        guard text.unicodeScalars.contains(where: { $0.value >= 0x7F && isUnprintable($0) }) else { return }
        bytes.removeSubrange(start...)
        for scalar in text.unicodeScalars {
            if scalar.value < 0x7F { bytes.append(UInt8(scalar.value)) } else { append(scalar, to: &bytes) }
        }
    }

    static func append(_ scalar: Unicode.Scalar, to bytes: inout [UInt8]) {
        switch scalar {
        case "\n": bytes.append(contentsOf: "\\n".utf8)
        case "\r": bytes.append(contentsOf: "\\r".utf8)
        case "\t": bytes.append(contentsOf: "\\t".utf8)
        default:
            if isUnprintable(scalar) {
                let digits = String(scalar.value, radix: 16)
                bytes.append(contentsOf: "\\u".utf8)
                bytes.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: 4 - digits.utf8.count))
                bytes.append(contentsOf: digits.utf8)
            } else {
                bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
    }
}
