import Networks
import Testing

@Suite struct AddressRangeTests {
    @Test func addressesAreWhatIsWritten() throws {
        for (text, written) in [
            ("192.0.2.1", "192.0.2.1"), ("2001:db8:0:0::1", "2001:db8::1"), ("::ffff:1.2.3.4", "::ffff:1.2.3.4"),
            ("::", "::"), ("255.255.255.255", "255.255.255.255"),
        ] {
            #expect(try #require(IPAddress(text)).description == written)
        }
        for text in ["", "1.2.3", "1.2.3.4.5", "0x7f.0.0.1", "256.1.1.1", "::1%lo", "[::1]", "a", "1.2.3.4 "] {
            #expect(IPAddress(text) == nil, "\(text)")
        }
        #expect(try #require(IPAddress("::ffff:1.2.3.4")).mapped == IPAddress("1.2.3.4"))
        #expect(try #require(IPAddress("::fffe:1.2.3.4")).mapped == nil)
    }

    /// A range ends where the next begins, at every length.
    @Test func edgesAreInsideAndWhatFollowsIsNot() throws {
        for (base, lengths) in [("203.0.113.77", 0...32), ("2001:db8:1234:5678:9abc:def0:1234:5678", 0...128)] {
            let address = try #require(IPAddress(base))
            for bits in lengths {
                let range = try #require(AddressRange("\(base)/\(bits)"))
                let (first, last) = range.edges
                #expect(range.contains(address) && range.contains(first) && range.contains(last))
                #expect(Self.bits(of: first).prefix(bits) == Self.bits(of: address).prefix(bits))
                #expect(!Self.bits(of: first).dropFirst(bits).contains("1"))
                #expect(!Self.bits(of: last).dropFirst(bits).contains("0"))
                guard bits > 0 else { continue }
                let other = try #require(AddressRange("\(first)/\(bits - 1)"))
                for edge in [other.edges.first, other.edges.last] {
                    let isInside = Self.bits(of: edge).prefix(bits) == Self.bits(of: address).prefix(bits)
                    #expect(range.contains(edge) == isInside, "\(range) \(edge)")
                }
            }
        }
    }

    @Test func familiesAreApart() throws {
        #expect(!(try #require(AddressRange("0.0.0.0/0"))).contains(try #require(IPAddress("::1"))))
        #expect(!(try #require(AddressRange("::/0"))).contains(try #require(IPAddress("1.2.3.4"))))
        // A mapped address is written where the IPv4 address is meant.
        #expect((try #require(AddressRange("::ffff:10.0.0.0"))).contains(try #require(IPAddress("10.0.0.0"))))
    }

    private static func bits(of address: IPAddress) -> String {
        func text(_ word: UInt64, _ count: Int) -> String {
            let digits = String(word, radix: 2)
            return String(repeating: "0", count: count - digits.count) + digits
        }
        return address.isIPv6 ? text(address.high, 64) + text(address.low, 64) : text(address.low, 32)
    }
}
