import Messaging
import OrderflowKit

/// A tenant's weight next to others.
package struct TenantShare: Hashable, Sendable {
    package let tenant: String
    /// 1 to 1000.
    package let weight: Int
}

extension SettingFormat where Value == [TenantShare] {
    static let tenantShares = list(
        expecting: "tenant=weight with weights from 1 to 1000", repeated: .refused("tenant", by: \.tenant),
        write: { "\($0.tenant)=\($0.weight)" }
    ) { text in
        let sides = text.split(separator: "=", maxSplits: 1).map(String.init)
        guard sides.count == 2, TenantName.isValid(sides[0]), let weight = Int(sides[1]), (1...1000).contains(weight)
        else { return nil }
        return TenantShare(tenant: sides[0], weight: weight)
    }
}
