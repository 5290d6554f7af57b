import HTTPServer
import Messaging
import Networks

extension SettingFormat where Value == [String] {
    package static let hostNames = list(
        expecting: "names such as shop.internal or *.shop.example without ports", repeated: .harmless,
        write: { $0 }
    ) { text in
        let name = text.hasPrefix("*.") ? text.dropFirst(2) : text[...]
        let isName =
            !name.isEmpty && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-._".contains($0)) }
        return isName || text == "*" ? text : nil
    }

    /// As browsers serialize them (RFC 6454 §6.2): one with a path, or with its scheme's own port, would never match.
    package static let origins = list(
        expecting: "origins such as https://shop.example", repeated: .harmless, write: { $0 }
    ) { text in
        for (scheme, port) in [("https://", ":443"), ("http://", ":80")] where text.hasPrefix(scheme) {
            let rest = text.dropFirst(scheme.count)
            let isAuthority = rest.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-._:[]".contains($0)) }
            return !rest.isEmpty && isAuthority && !rest.hasSuffix(port) && !rest.hasSuffix(":") ? text : nil
        }
        return nil
    }
}

extension SettingFormat where Value == [AddressRange] {
    package static let addressRanges = list(
        expecting: "addresses such as 10.0.0.0/8 or fd00::1", repeated: .harmless, write: { $0.description }
    ) { AddressRange($0) }
}

extension SettingFormat where Value == [TenantQuota] {
    package static let tenantQuotas = list(
        expecting: "quotas such as acme=500 or acme=500/1000", repeated: .refused("tenant", by: \.tenant),
        write: { "\($0.tenant)=\($0.quota.rate)/\($0.quota.burst)" }
    ) { text in
        let sides = text.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
        guard sides.count == 2, TenantName.isValid(sides[0]) else { return nil }
        let numbers = sides[1].split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard (1...2).contains(numbers.count), let rate = numbers[0],
            numbers.allSatisfy({ $0.map { (1...Quota.largest).contains($0) } == true })
        else { return nil }
        return LimitSettings.quota(rate, numbers.count == 2 ? numbers[1] : nil).map {
            TenantQuota(tenant: sides[0], quota: $0)
        }
    }
}
