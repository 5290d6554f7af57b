import Randomness

/// Texts made of what URLs, paths, SQL and JSON give a meaning of their own.
enum OddText {
    static let reported = [
        "a/b", "/", "%", "%2F", " ", "a b", ".", "..", "../..", "💩", "a+b", "?", "#", "&", "=", ";", "+",
    ]

    private static let pieces = [
        "/", "%", "%2F", "%00", "%zz", " ", ".", "..", "💩", "👩‍👩‍👧", "é", "e\u{301}", "+", "?", "#", "&", "=", ";", ":",
        "@", "\\",
        "\"", "'", "<", ">", "[", "]", "{", "}", "|", "^", "~", "*", ",", "a", "Z", "0", "-", "_", "\u{2028}", "\u{85}",
        "\u{FEFF}",
        "\u{10FFFF}", "\u{FFFD}", "中", "ـ", "ß", "İ",
    ]

    /// Not empty, without control characters below a blank.
    static func random(_ random: inout SeededGenerator) -> String {
        (0..<Int.random(in: 1...6, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
    }

    /// As a segment of a path or a value of a query; `.` too, since `..` alone would be taken for a way up by a client.
    static func escaped(_ text: String, _ random: inout SeededGenerator) -> String {
        let plain = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~".utf8)
        let escapesDots = Bool.random(using: &random)
        return text.utf8.map { byte in
            if plain.contains(byte) || byte == 0x2E && !escapesDots { return String(decoding: [byte], as: UTF8.self) }
            let digits = String(byte, radix: 16, uppercase: Bool.random(using: &random))
            return "%" + (byte < 16 ? "0" : "") + digits
        }.joined()
    }
}
