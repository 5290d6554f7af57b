/// A place in PostgreSQL's write-ahead log (`pg_lsn`), in bytes from its beginning.
public struct LogPosition: Comparable, Hashable, Sendable {
    public let bytes: UInt64

    public init(_ bytes: UInt64) { self.bytes = bytes }

    /// Before everything.
    public static let zero = LogPosition(0)

    /// As the server writes it: two hexadecimal numbers with a slash between. Nil for anything else.
    public init?(_ text: String) {
        let halves = text.split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2, halves.allSatisfy({ (1...8).contains($0.utf8.count) && $0.first != "+" }),
            let high = UInt32(halves[0], radix: 16), let low = UInt32(halves[1], radix: 16)
        else { return nil }
        bytes = UInt64(high) << 32 | UInt64(low)
    }

    public static func < (one: LogPosition, other: LogPosition) -> Bool { one.bytes < other.bytes }

    /// How far this one lies behind `other`; 0 where it doesn't.
    public func distance(to other: LogPosition) -> UInt64 { other.bytes > bytes ? other.bytes - bytes : 0 }
}

extension LogPosition: CustomStringConvertible {
    public var description: String {
        String(bytes >> 32, radix: 16, uppercase: true) + "/"
            + String(bytes & 0xFFFF_FFFF, radix: 16, uppercase: true)
    }
}
