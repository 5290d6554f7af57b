import Hashing

/// A place in a list, opaque to clients: whatever is in it, it stands in a URL without escapes, and each that is given
/// out is taken back.
public protocol PageCursor: Sendable {
    /// Nil for a text that no `encoded` gives.
    init?(encoded text: String)
    var encoded: String { get }
}

/// What cursors are made of: texts without NUL, in hexadecimal.
package enum CursorText {
    package static func write(_ parts: [String]) -> String {
        Hexadecimal.text(Array(parts.joined(separator: "\0").utf8))
    }

    /// Nil for a text that `write` doesn't give for so many parts.
    package static func read(_ text: String, parts count: Int) -> [String]? {
        guard let bytes = Hexadecimal.bytes(text), let whole = String(validating: bytes, as: UTF8.self) else {
            return nil
        }
        let parts = whole.split(separator: "\0", omittingEmptySubsequences: false).map(String.init)
        return parts.count == count ? parts : nil
    }
}

/// A place in a list that is ordered by time and id.
public struct ListCursor: PageCursor, Hashable {
    /// What a `timestamptz` can say: every row has a cursor, those that an earlier version has written among them.
    package static let times: Range<Int64> = -210_866_803_200_000_000 ..< .max

    /// Microseconds since the Unix epoch.
    public let createdAt: Int64
    public let id: String

    public init(createdAt: Int64, id: String) {
        self.createdAt = createdAt
        self.id = id
    }

    public init?(encoded text: String) {
        guard let parts = CursorText.read(text, parts: 2), let createdAt = Int64(parts[0], radix: 36),
            Self.times.contains(createdAt), !parts[1].isEmpty
        else { return nil }
        self.init(createdAt: createdAt, id: parts[1])
    }

    public var encoded: String { CursorText.write([String(createdAt, radix: 36), id]) }
}
