/// A set of ASCII bytes in two words: a membership test is a shift, without a table in memory.
struct ByteSet: Sendable {
    private let low: UInt64
    private let high: UInt64

    private init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    init(_ members: StaticString) {
        var low: UInt64 = 0
        var high: UInt64 = 0
        for byte in UnsafeBufferPointer(start: members.utf8Start, count: members.utf8CodeUnitCount) {
            if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte - 64) }
        }
        self.init(low: low, high: high)
    }

    @inline(__always)
    func contains(_ byte: UInt8) -> Bool {
        if byte < 64 { return low >> UInt64(byte) & 1 == 1 }
        return byte < 128 && high >> UInt64(byte - 64) & 1 == 1
    }

    func union(_ other: ByteSet) -> ByteSet { ByteSet(low: low | other.low, high: high | other.high) }

    private static let alphanumeric = ByteSet("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")

    /// RFC 9110 §5.6.2: names of methods and header fields.
    static let token = ByteSet("!#$%&'*+-.^_`|~").union(alphanumeric)
    /// RFC 3986 §3.3, with `%` for escapes, which are checked when decoded, and `/` between the segments.
    static let path = ByteSet("-._~!$&'()*+,;=:@%/").union(alphanumeric)
    /// RFC 3986 §3.4.
    static let query = path.union(ByteSet("?"))
    /// RFC 3986 §3.2.2: a registered name, without the escapes that it may have.
    static let name = ByteSet("-._~!$&'()*+,;=").union(alphanumeric)

    @inline(__always)
    static func lowercased(_ byte: UInt8) -> UInt8 { byte &- 65 < 26 ? byte | 0x20 : byte }

    static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 48 + value : 87 + value }

    static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        case 97...102: byte - 87
        default: nil
        }
    }
}
