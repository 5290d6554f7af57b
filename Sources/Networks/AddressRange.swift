/// An address with how many of its bits count, `10.0.0.0/8` or `fd00::/8`; without a number, all of them do.
public struct AddressRange: Sendable, Hashable, LosslessStringConvertible {
    public let description: String
    private let address: IPAddress
    /// Of 128 for IPv6, of 32 for IPv4.
    private let bits: Int

    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let written = IPAddress(String(first)) else { return nil }
        address = written.mapped ?? written
        description = text
        let all = address.isIPv6 ? 128 : 32
        guard parts.count == 2 else {
            bits = all
            return
        }
        guard parts[1].allSatisfy(\.isNumber), let count = Int(parts[1]), (0...all).contains(count) else { return nil }
        bits = count
    }

    public func contains(_ other: IPAddress) -> Bool {
        guard other.isIPv6 == address.isIPv6 else { return false }
        let mask = self.mask
        return (other.low ^ address.low) & mask.low == 0
            && (!address.isIPv6 || (other.high ^ address.high) & mask.high == 0)
    }

    /// Shifts of 64 and more give 0.
    private var mask: (high: UInt64, low: UInt64) {
        guard address.isIPv6 else { return (0, UInt64.max << UInt64(32 - bits)) }
        return (
            bits >= 64 ? UInt64.max : UInt64.max << UInt64(64 - bits),
            UInt64.max << UInt64(max(0, min(64, 128 - bits)))
        )
    }

    /// The lowest and the highest address in it.
    package var edges: (first: IPAddress, last: IPAddress) {
        let mask = self.mask
        let all: UInt64 = address.isIPv6 ? .max : 0xFFFF_FFFF
        return (
            IPAddress(isIPv6: address.isIPv6, high: address.high & mask.high, low: address.low & mask.low & all),
            IPAddress(
                isIPv6: address.isIPv6, high: address.isIPv6 ? address.high | ~mask.high : 0,
                low: (address.low | ~mask.low) & all)
        )
    }
}
