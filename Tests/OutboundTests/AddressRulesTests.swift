import Networks
import Randomness
import Testing

@testable import Outbound

@Suite struct AddressRulesTests {
    @Test func edgesOfEverySpecialRangeAreRefused() throws {
        let rules = AddressRules()
        for (range, purpose) in AddressRules.special {
            for address in [range.edges.first, range.edges.last] {
                #expect(rules.refusal(of: address) != nil, "\(address) of \(range), \(purpose)")
                guard !address.isIPv6 else { continue }
                #expect(rules.refusal(of: try #require(IPAddress("::ffff:\(address)"))) != nil, "\(address), mapped")
            }
        }
    }

    /// Neighbours of the special ranges, and what else is anybody's to call.
    @Test(arguments: [
        "1.0.0.0", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
        "128.0.0.0", "168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
        "191.255.255.255", "192.0.1.0", "192.0.3.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
        "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255", "2001:200::1",
        "2001:db7:ffff::1", "2001:db9::1", "2001:4860:4860::8888", "2003::1", "2606:4700::1111", "3ffe::1",
        "3fff:1000::1",
    ]) func whatAnybodyMayCall(_ text: String) throws {
        #expect(AddressRules().refusal(of: try #require(IPAddress(text))) == nil)
    }

    @Test(arguments: [
        ("127.0.0.1", "loopback"), ("10.1.2.3", "private"), ("172.31.255.255", "private"), ("192.168.0.1", "private"),
        ("169.254.169.254", "link-local"), ("100.100.100.200", "carrier"), ("0.0.0.0", "this network"),
        ("255.255.255.255", "broadcast"), ("239.1.1.1", "multicast"), ("::1", "loopback"), ("::", "unspecified"),
        ("::127.0.0.1", "form of IPv6"), ("::ffff:127.0.0.1", "form of IPv6"), ("::ffff:8.8.8.8", "form of IPv6"),
        ("64:ff9b::7f00:1", "translation"), ("64:ff9b:1::1", "translation"), ("2002:7f00:1::", "6to4"),
        ("2001:0:1::", "Teredo"), ("fd00:ec2::254", "private"), ("fe80::1", "link-local"), ("fec0::1", "site-local"),
        ("ff02::1", "multicast"), ("4000::1", "no address of the internet"), ("1fff::1", "no address of the internet"),
    ]) func whatForItIsSaid(_ text: String, _ purpose: String) throws {
        let address = try #require(IPAddress(text))
        let refusal = AddressRules().refusal(of: address) ?? "nothing"
        #expect(refusal.contains(purpose), "\(text): \(refusal)")
    }

    @Test func whatIsAllowedIsAndNothingElse() throws {
        let rules = AddressRules(allowing: try ["127.0.0.0/8", "fd00::/8"].map { try #require(AddressRange($0)) })
        for text in ["127.0.0.1", "127.255.255.255", "::ffff:127.0.0.1", "fd12::1", "8.8.8.8"] {
            #expect(rules.refusal(of: try #require(IPAddress(text))) == nil, "\(text)")
        }
        for text in ["10.0.0.1", "::1", "fc00::1", "64:ff9b::7f00:1"] {
            #expect(rules.refusal(of: try #require(IPAddress(text))) != nil, "\(text)")
        }
    }

    /// Held against the same ranges as text of bits.
    @Test func randomAddresses() throws {
        var random = SeededGenerator.fromEnvironment()
        let special = try AddressRules.special.map { range, _ in
            let bits = try #require(Int(range.description.split(separator: "/")[1]))
            return (isIPv6: range.edges.first.isIPv6, prefix: Self.bits(of: range.edges.first).prefix(bits))
        }
        for _ in 0..<TestTier.rounds(4_000) {
            let isIPv6 = Bool.random(using: &random)
            // Half of them in the neighbourhood of a special range.
            let near = AddressRules.special.filter { $0.range.edges.first.isIPv6 == isIPv6 }.randomElement(
                using: &random)
            let edge = Bool.random(using: &random) ? near?.range.edges.last : nil
            let low = (edge?.low ?? random.next()) &+ (edge == nil ? 0 : UInt64.random(in: 0...2, using: &random))
            let address = IPAddress(
                isIPv6: isIPv6, high: isIPv6 ? edge?.high ?? random.next() : 0, low: isIPv6 ? low : low & 0xFFFF_FFFF)
            let bits = Self.bits(of: address)
            let isRefused =
                special.contains { $0.isIPv6 == isIPv6 && bits.hasPrefix($0.prefix) }
                || isIPv6 && !bits.hasPrefix("001")
            #expect((AddressRules().refusal(of: address) != nil) == isRefused, "\(address)")
        }
    }

    private static func bits(of address: IPAddress) -> String {
        func text(_ word: UInt64, _ count: Int) -> String {
            let digits = String(word, radix: 2)
            return String(repeating: "0", count: count - digits.count) + digits
        }
        return address.isIPv6 ? text(address.high, 64) + text(address.low, 64) : text(address.low, 32)
    }

    // MARK: URLs

    @Test(
        arguments: [
            ("https://shop.example/hooks?a=b", nil), ("https://shop.example:8443/", nil), ("http://8.8.8.8/", nil),
            ("https://[2606:4700::1111]/", nil), ("ftp://shop.example/", "https:// or"),
            ("file:///etc/passwd", "https:// or"),
            ("gopher://shop.example/", "https:// or"), ("shop.example/hooks", "cheme"), ("", "cheme"),
            ("https://", "host"),
            ("https://user@shop.example/", "user or password"),
            ("https://user:secret@shop.example/", "user or password"),
            ("https://shop.example@127.0.0.1/", "user or password"), ("https://shop.example/#top", "#fragment"),
            ("https://shop.example/a b", "blanks"), ("https://bücher.example/", "punycode"),
            ("https://shop.example/\n", "blanks"),
            ("https://shop.example:99999/", "Port"), ("http://127.0.0.1/", "loopback"), ("http://127.1/", "loopback"),
            ("http://0x7f.1/", "loopback"), ("http://0x7f000001/", "loopback"), ("http://2130706433/", "loopback"),
            ("http://017700000001/", "loopback"), ("http://0177.0.0.01/", "loopback"), ("http://0/", "this network"),
            ("http://[::1]:80/", "loopback"), ("http://[::ffff:127.0.0.1]/", "form of IPv6"),
            ("http://[::ffff:7f00:1]/", "form of IPv6"), ("http://[0:0:0:0:0:0:0:1]/", "loopback"),
            ("http://%31%32%37.0.0.1/", "loopback"), ("http://169.254.169.254/latest/meta-data", "link-local"),
            ("https://" + String(repeating: "a", count: 2_050), "2048 at most"),
        ] as [(String, String?)]) func whatIsWrongWithAURL(_ text: String, _ fault: String?)
    {
        let found = DeliveryURL.fault(text, rules: AddressRules(), needsTLS: false)
        guard let fault else {
            #expect(found == nil, "\(text)")
            return
        }
        #expect(found?.contains(fault) == true, "\(text): \(found ?? "nothing")")
    }

    @Test func encryptionMayBeAskedFor() {
        #expect(
            DeliveryURL.fault("http://shop.example/", rules: AddressRules(), needsTLS: true)
                == "it must start with https://")
        #expect(DeliveryURL.fault("https://shop.example/", rules: AddressRules(), needsTLS: true) == nil)
    }
}
