import Glibc

/// An IPv4 or IPv6 address: a number of 32 or of 128 bits.
public struct IPAddress: Sendable, Hashable, LosslessStringConvertible {
    public let isIPv6: Bool
    /// The upper 64 bits of an IPv6 address; 0 for IPv4.
    package let high: UInt64
    /// The lower 64 bits of an IPv6 address; the 32 of IPv4.
    package let low: UInt64

    package init(isIPv6: Bool, high: UInt64, low: UInt64) {
        self.isIPv6 = isIPv6
        self.high = high
        self.low = low
    }

    /// Reads `sin_addr`.
    package init(_ address: in_addr) {
        self.init(isIPv6: false, high: 0, low: UInt64(UInt32(bigEndian: address.s_addr)))
    }

    /// Reads `sin6_addr`, as it is: a mapped IPv4 address stays one of IPv6.
    package init(_ address: in6_addr) {
        self = withUnsafeBytes(of: address) {
            IPAddress(
                isIPv6: true, high: UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }

    /// Reads the address of a socket of either family; nil for one of another.
    package init?(_ address: UnsafePointer<sockaddr>) {
        let bytes = UnsafeRawPointer(address)
        switch Int32(address.pointee.sa_family) {
        case AF_INET: self.init(bytes.loadUnaligned(as: sockaddr_in.self).sin_addr)
        case AF_INET6: self.init(bytes.loadUnaligned(as: sockaddr_in6.self).sin6_addr)
        default: return nil
        }
    }

    /// `192.0.2.1` or `2001:db8::1` (inet_pton(3)); nil for anything else.
    public init?(_ text: String) {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            self.init(four)
            return
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
        self.init(six)
    }

    /// The IPv4 address that `::ffff:192.0.2.1` is (RFC 4291 §2.5.5.2); nil for any other.
    package var mapped: IPAddress? {
        guard isIPv6, high == 0, low >> 32 == 0xFFFF else { return nil }
        return IPAddress(isIPv6: false, high: 0, low: low & 0xFFFF_FFFF)
    }

    public var description: String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { buffer in
            guard let text = buffer.baseAddress else { return "" }
            buffer.initialize(repeating: 0)
            if isIPv6 {
                var bytes = (high.bigEndian, low.bigEndian)
                inet_ntop(AF_INET6, &bytes, text, socklen_t(INET6_ADDRSTRLEN))
            } else {
                var bytes = UInt32(truncatingIfNeeded: low).bigEndian
                inet_ntop(AF_INET, &bytes, text, socklen_t(INET6_ADDRSTRLEN))
            }
            return String(cString: text)
        }
    }
}
