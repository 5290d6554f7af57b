/// The proxies whose word counts for whom they ask: their `X-Forwarded-For` says where the client is.
public struct TrustedProxies: Sendable {
    private let ranges: [AddressRange]

    public init(_ ranges: [AddressRange] = []) { self.ranges = ranges }

    /// Where the client is: the peer, unless that is a trusted proxy. Then it is the last address in
    /// `X-Forwarded-For` that isn't one of a trusted proxy either: each proxy adds its peer at the end, and what stands
    /// before that is only the client's own word. What can't be read ends the search at the proxy that said it.
    func client(of peer: SocketAddress, _ fields: HeaderFields) -> SocketAddress {
        guard !ranges.isEmpty, isTrusted(peer) else { return peer }
        var nearest = peer
        for field in fields.all.reversed() where fields.isNamed(field, "x-forwarded-for") {
            var list = fields.value(of: field)[...]
            while !list.isEmpty {
                let comma = list.lastIndex(of: UInt8(ascii: ","))
                let element = UnsafeBufferPointer(rebasing: list[(comma.map { $0 + 1 } ?? list.startIndex)...]).trimmed
                guard let address = SocketAddress(addressText: String(decoding: element, as: UTF8.self)) else {
                    return nearest
                }
                nearest = address
                guard isTrusted(address) else { return address }
                list = list[..<(comma ?? list.startIndex)]
            }
        }
        return nearest
    }

    private func isTrusted(_ address: SocketAddress) -> Bool { ranges.contains { $0.contains(address) } }
}

/// An address with how many of its bits count, `10.0.0.0/8` or `fd00::/8`; without a number, all of them do.
public struct AddressRange: Sendable, Hashable, LosslessStringConvertible {
    public let description: String
    private let host: SocketAddress.Host
    /// Of 128 for IPv6, of 32 for IPv4.
    private let bits: Int

    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = SocketAddress(addressText: String(parts[0])) else { return nil }
        host = address.host
        let all = host.isIPv6 ? 128 : 32
        guard parts.count == 2 else {
            bits = all
            description = text
            return
        }
        guard parts[1].allSatisfy(\.isNumber), let count = Int(parts[1]), (0...all).contains(count) else { return nil }
        bits = count
        description = text
    }

    func contains(_ address: SocketAddress) -> Bool {
        let other = address.host
        guard other.isIPv6 == host.isIPv6 else { return false }
        // Shifts of 64 and more give 0.
        let low = host.isIPv6 ? UInt64.max << UInt64(max(0, min(64, 128 - bits))) : UInt64.max << UInt64(32 - bits)
        let high = bits >= 64 ? UInt64.max : UInt64.max << UInt64(64 - bits)
        return (other.low ^ host.low) & low == 0 && (!host.isIPv6 || (other.high ^ host.high) & high == 0)
    }
}
