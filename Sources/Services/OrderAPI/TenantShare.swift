import Messaging
import OrderflowKit

/// A tenant's weight next to others.
package struct TenantShare: Hashable, Sendable {
    package let tenant: String
    /// 1 to 1000.
    package let weight: Int
}

extension SettingFormat where Value == [TenantShare] {
    static let tenantShares = SettingFormat(
        expected: "tenant=weight with weights from 1 to 1000, more of them separated by commas, or empty",
        parse: { text in
            var shares: [TenantShare] = []
            for part in text.isEmpty ? [] : text.split(separator: ",", omittingEmptySubsequences: false) {
                let sides = part.split(separator: "=", maxSplits: 1).map(String.init)
                guard sides.count == 2, TenantName.isValid(sides[0]), let weight = Int(sides[1]),
                    (1...1000).contains(weight), !shares.contains(where: { $0.tenant == sides[0] })
                else { return nil }
                shares.append(TenantShare(tenant: sides[0], weight: weight))
            }
            return shares
        }, write: { $0.map { "\($0.tenant)=\($0.weight)" }.joined(separator: ",") })
}
