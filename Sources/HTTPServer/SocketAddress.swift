import Glibc

/// An IPv4 or IPv6 address with its port.
public struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
    /// The address without the port.
    struct Host: Sendable, Hashable {
        let isIPv6: Bool
        let high: UInt64
        let low: UInt64
    }

    /// Whom a limit per address counts: an IPv4 address, or the upper half of an IPv6 address, as who has one
    /// address of a network has all of them (RFC 4291 §2.5.4).
    public struct Origin: Sendable, Hashable {
        let isIPv6: Bool
        let network: UInt64
    }

    public var origin: Origin { Origin(isIPv6: isIPv6, network: isIPv6 ? host.high : host.low) }

    let host: Host
    public let port: UInt16

    public var isIPv6: Bool { host.isIPv6 }

    /// Reads what `accept` or `getsockname` wrote. An IPv4 address mapped into IPv6 becomes plain IPv4.
    init(_ storage: sockaddr_storage) {
        self = withUnsafeBytes(of: storage) { bytes in
            guard Int32(storage.ss_family) == AF_INET6 else {
                let address = bytes.loadUnaligned(as: sockaddr_in.self)
                return SocketAddress(
                    host: Host(isIPv6: false, high: 0, low: UInt64(UInt32(bigEndian: address.sin_addr.s_addr))),
                    port: UInt16(bigEndian: address.sin_port))
            }
            let address = bytes.loadUnaligned(as: sockaddr_in6.self)
            let (high, low) = withUnsafeBytes(of: address.sin6_addr) {
                (
                    UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)),
                    UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                )
            }
            let isMapped = high == 0 && low >> 32 == 0xFFFF
            return SocketAddress(
                host: Host(isIPv6: !isMapped, high: high, low: isMapped ? low & 0xFFFF_FFFF : low),
                port: UInt16(bigEndian: address.sin6_port))
        }
    }

    /// An address as text, `192.0.2.1` or `2001:db8::1`, with port 0; nil for anything else.
    package init?(addressText text: String) {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            self.init(host: Host(isIPv6: false, high: 0, low: UInt64(UInt32(bigEndian: four.s_addr))), port: 0)
            return
        }
        var storage = sockaddr_storage()
        let isRead = withUnsafeMutableBytes(of: &storage) { bytes in
            var six = sockaddr_in6()
            six.sin6_family = sa_family_t(AF_INET6)
            guard inet_pton(AF_INET6, text, &six.sin6_addr) == 1 else { return false }
            bytes.storeBytes(of: six, as: sockaddr_in6.self)
            return true
        }
        guard isRead else { return nil }
        self.init(storage)
    }

    private init(host: Host, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// The address without the port, `192.0.2.1` or `2001:db8::1`.
    public var address: String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { buffer in
            guard let text = buffer.baseAddress else { return "" }
            buffer.initialize(repeating: 0)
            if host.isIPv6 {
                var bytes = (host.high.bigEndian, host.low.bigEndian)
                inet_ntop(AF_INET6, &bytes, text, socklen_t(INET6_ADDRSTRLEN))
            } else {
                var bytes = UInt32(truncatingIfNeeded: host.low).bigEndian
                inet_ntop(AF_INET, &bytes, text, socklen_t(INET6_ADDRSTRLEN))
            }
            return String(cString: text)
        }
    }

    public var description: String { isIPv6 ? "[\(address)]:\(port)" : "\(address):\(port)" }
}
