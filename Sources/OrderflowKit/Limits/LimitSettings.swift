/// How many requests are served; nil is no limit.
package struct LimitSettings: Sendable {
    /// Of one caller, a second.
    package var rate: Int?
    /// At once; nil is two seconds' worth.
    package var burst: Int?
    /// Of all callers of one tenant together.
    package var tenantRate: Int?
    package var tenantBurst: Int?
    /// Of tenants that have quotas of their own.
    package var tenants: [TenantQuota] = []

    package init() {}

    /// What a caller may do.
    var principal: Quota? { Self.quota(rate, burst) }

    /// What a tenant may do that isn't among `tenants`.
    var tenant: Quota? { Self.quota(tenantRate, tenantBurst) }

    static func quota(_ rate: Int?, _ burst: Int?) -> Quota? {
        rate.map { Quota(rate: $0, burst: burst ?? 2 * $0) }
    }
}

/// A tenant's own quota.
package struct TenantQuota: Sendable, Hashable {
    package let tenant: String
    package let quota: Quota
}

extension SettingTable {
    static let limits = [
        SettingKey(
            "limits.rate", \.limits.rate, optional: requests,
            """
            Requests a second that one caller may make of one process: a token's subject, an API key; an address where \
            nobody is asked who it is. Each order of a batch counts as one. 429 with Retry-After beyond. Empty is no \
            limit.
            """),
        SettingKey(
            "limits.burst", \.limits.burst, optional: requests,
            "Requests that a caller may make at once; they come back at limits.rate. Empty is two seconds' worth."),
        SettingKey(
            "limits.tenant_rate", \.limits.tenantRate, optional: requests,
            "The same for all callers of one tenant together. Empty is no limit."),
        SettingKey(
            "limits.tenant_burst", \.limits.tenantBurst, optional: requests,
            "Requests of a tenant at once. Empty is two seconds' worth."),
        SettingKey(
            "limits.tenants", \.limits.tenants, .tenantQuotas,
            "Tenants with quotas of their own, tenant=rate or tenant=rate/burst, by commas: acme=500/1000,demo=5."),
    ]

    private static let requests = SettingFormat.integer(1...Quota.largest)
}
