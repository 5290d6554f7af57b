import Networks

/// Which addresses may be called for those who may name any: an address that only this machine or its network reaches
/// would make us their arm inside it (server-side request forgery).
///
/// An address is judged when a socket is about to be opened to it, after its name was resolved: a name that leads
/// elsewhere the second time that it is asked for (DNS rebinding) gets nowhere with that.
package struct AddressRules: Sendable {
    /// Addresses that may be called whatever they are for.
    private let allowed: [AddressRange]

    package init(allowing allowed: [AddressRange] = []) { self.allowed = allowed }

    /// What `address` is for, where nobody may have it called; nil where it may be.
    package func refusal(of address: IPAddress) -> String? {
        let plain = address.mapped ?? address
        if allowed.contains(where: { $0.contains(plain) }) { return nil }
        if address.mapped != nil { return "an IPv4 address in the form of IPv6" }
        if let special = Self.special.first(where: { $0.range.contains(address) }) { return special.purpose }
        return address.isIPv6 && !Self.unicast.contains(address) ? "no address of the internet" : nil
    }

    /// What IANA has given out of IPv6 for addresses that anybody may reach (RFC 4291 §2.4, the registry
    /// "IPv6 Global Unicast Address Assignments").
    private static let unicast = range("2000::/3")

    /// The IANA special-purpose address registries (RFC 6890, as of 2025) but for what they call globally reachable and is,
    /// and what clouds have put at addresses of theirs.
    package static let special: [(range: AddressRange, purpose: String)] = [
        ("0.0.0.0/8", "this network (RFC 791)"),
        ("10.0.0.0/8", "private (RFC 1918)"),
        ("100.64.0.0/10", "shared behind a carrier's NAT (RFC 6598)"),
        ("127.0.0.0/8", "loopback (RFC 1122)"),
        ("169.254.0.0/16", "link-local (RFC 3927)"),
        ("172.16.0.0/12", "private (RFC 1918)"),
        ("192.0.0.0/24", "of protocols (RFC 6890)"),
        ("192.0.2.0/24", "for documentation (RFC 5737)"),
        ("192.88.99.0/24", "a relay to 6to4 (RFC 7526)"),
        ("192.168.0.0/16", "private (RFC 1918)"),
        ("198.18.0.0/15", "for benchmarks (RFC 2544)"),
        ("198.51.100.0/24", "for documentation (RFC 5737)"),
        ("203.0.113.0/24", "for documentation (RFC 5737)"),
        ("224.0.0.0/4", "multicast (RFC 5771)"),
        ("255.255.255.255/32", "broadcast (RFC 919)"),
        ("240.0.0.0/4", "reserved (RFC 1112)"),
        // The host of every virtual machine of Azure answers there ("What is IP address 168.63.129.16?").
        ("168.63.129.16/32", "of a cloud's own"),
        ("::/128", "unspecified (RFC 4291)"),
        ("::1/128", "loopback (RFC 4291)"),
        ("::/96", "an IPv4 address in the form of IPv6"),
        ("64:ff9b::/96", "a translation to IPv4 (RFC 6052)"),
        ("64:ff9b:1::/48", "a translation to IPv4 (RFC 8215)"),
        ("100::/64", "discarded (RFC 6666)"),
        ("100:0:0:1::/64", "a dummy (RFC 9780)"),
        ("2001::/23", "of protocols, Teredo among them (RFC 2928)"),
        ("2001:db8::/32", "for documentation (RFC 3849)"),
        ("2002::/16", "6to4 (RFC 3056)"),
        ("3fff::/20", "for documentation (RFC 9637)"),
        ("5f00::/16", "of segment routing (RFC 9602)"),
        ("fc00::/7", "private (RFC 4193)"),
        ("fe80::/10", "link-local (RFC 4291)"),
        ("fec0::/10", "site-local (RFC 3879)"),
        ("ff00::/8", "multicast (RFC 4291)"),
    ].map { (range($0.0), $0.1) }

    private static func range(_ text: String) -> AddressRange {
        guard let range = AddressRange(text) else { preconditionFailure("\(text) in the table of special addresses") }
        return range
    }
}
