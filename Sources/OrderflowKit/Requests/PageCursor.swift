/// A place in a list, opaque to clients: whatever is in it, it stands in a URL without escapes, and each that is given
/// out is taken back.
package protocol PageCursor: Sendable {
    /// Nil for a text that no `encoded` gives.
    init?(encoded text: String)
    var encoded: String { get }
}

/// What cursors are made of: texts without NUL, in hexadecimal.
package enum CursorText {
    package static func write(_ parts: [String]) -> String {
        var text = ""
        for byte in parts.joined(separator: "\0").utf8 {
            text += byte < 16 ? "0" : ""
            text += String(byte, radix: 16)
        }
        return text
    }

    /// Nil for a text that `write` doesn't give for so many parts.
    package static func read(_ text: String, parts count: Int) -> [String]? {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = value(digits[index]), let low = value(digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        guard let whole = String(validating: bytes, as: UTF8.self) else { return nil }
        let parts = whole.split(separator: "\0", omittingEmptySubsequences: false).map(String.init)
        return parts.count == count ? parts : nil
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }
}

/// A place in a list that is ordered by time and id.
package struct ListCursor: PageCursor, Hashable {
    /// What a `timestamptz` can say: every row has a cursor, those that an earlier version has written among them.
    package static let times: Range<Int64> = -210_866_803_200_000_000 ..< .max

    /// Microseconds since the Unix epoch.
    package let createdAt: Int64
    package let id: String

    package init(createdAt: Int64, id: String) {
        self.createdAt = createdAt
        self.id = id
    }

    package init?(encoded text: String) {
        guard let parts = CursorText.read(text, parts: 2), let createdAt = Int64(parts[0], radix: 36),
            Self.times.contains(createdAt), !parts[1].isEmpty
        else { return nil }
        self.init(createdAt: createdAt, id: parts[1])
    }

    package var encoded: String { CursorText.write([String(createdAt, radix: 36), id]) }
}
