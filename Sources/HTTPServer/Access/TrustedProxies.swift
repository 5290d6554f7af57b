import Networks

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

    private func isTrusted(_ address: SocketAddress) -> Bool { ranges.contains { $0.contains(address.host) } }
}
