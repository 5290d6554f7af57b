import Glibc
import Networks

/// An IPv4 or IPv6 address with its port.
public struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
    /// Whom a limit per address counts: an IPv4 address, or the upper half of an IPv6 address, as who has one
    /// address of a network has all of them (RFC 4291 §2.5.4).
    public struct Origin: Sendable, Hashable {
        let isIPv6: Bool
        let network: UInt64
    }

    public var origin: Origin { Origin(isIPv6: isIPv6, network: isIPv6 ? host.high : host.low) }

    /// The address without the port. An IPv4 address mapped into IPv6 is plain IPv4 here.
    let host: IPAddress
    public let port: UInt16

    public var isIPv6: Bool { host.isIPv6 }

    /// Reads what `accept` or `getsockname` wrote. An IPv4 address mapped into IPv6 becomes plain IPv4.
    init(_ storage: sockaddr_storage) {
        self = withUnsafeBytes(of: storage) { bytes in
            guard Int32(storage.ss_family) == AF_INET6 else {
                let address = bytes.loadUnaligned(as: sockaddr_in.self)
                return SocketAddress(host: IPAddress(address.sin_addr), port: UInt16(bigEndian: address.sin_port))
            }
            let address = bytes.loadUnaligned(as: sockaddr_in6.self)
            return SocketAddress(host: IPAddress(address.sin6_addr), port: UInt16(bigEndian: address.sin6_port))
        }
    }

    /// An address as text, `192.0.2.1` or `2001:db8::1`, with port 0; nil for anything else.
    package init?(addressText text: String) {
        guard let host = IPAddress(text) else { return nil }
        self.init(host: host, port: 0)
    }

    private init(host: IPAddress, port: UInt16) {
        self.host = host.mapped ?? host
        self.port = port
    }

    /// The address without the port, `192.0.2.1` or `2001:db8::1`.
    public var address: String { host.description }

    public var description: String { isIPv6 ? "[\(address)]:\(port)" : "\(address):\(port)" }
}
