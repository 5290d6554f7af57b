import Glibc
import Testing

@testable import HTTPServer
@testable import OrderflowKit

@Suite struct PlacesTests {
    private func origin(_ text: String) -> SocketAddress.Origin {
        var storage = sockaddr_storage()
        withUnsafeMutableBytes(of: &storage) { bytes in
            if text.contains(":") {
                var address = sockaddr_in6()
                address.sin6_family = sa_family_t(AF_INET6)
                inet_pton(AF_INET6, text, &address.sin6_addr)
                bytes.storeBytes(of: address, as: sockaddr_in6.self)
            } else {
                var address = sockaddr_in()
                address.sin_family = sa_family_t(AF_INET)
                inet_pton(AF_INET, text, &address.sin_addr)
                bytes.storeBytes(of: address, as: sockaddr_in.self)
            }
        }
        return SocketAddress(storage).origin
    }

    @Test func oneAddressGetsItsShare() {
        var places = Places(4, share: 2)
        let (a, b, c) = (origin("192.0.2.1"), origin("192.0.2.2"), origin("192.0.2.3"))
        #expect(places.take(a) == nil && places.take(a) == nil)
        #expect(places.take(a)?.status == .tooManyRequests)
        #expect(places.take(b) == nil && places.take(c) == nil)
        #expect(places.take(b)?.status == .serviceUnavailable)
        #expect(places.taken == 4 && places.refused == 2)
        places.give(a)
        #expect(places.take(b) == nil)
        places.give(a)
        #expect(places.take(a) == nil)
    }

    /// Whoever has one address of a network has all of it.
    @Test func anIPv6NetworkIsOneAddress() {
        #expect(origin("2001:db8:1:2::1") == origin("2001:db8:1:2:ffff::9"))
        #expect(origin("2001:db8:1:2::1") != origin("2001:db8:1:3::1"))
        #expect(origin("::ffff:192.0.2.1") == origin("192.0.2.1"))
        #expect(origin("192.0.2.1") != origin("192.0.2.2"))
    }
}
