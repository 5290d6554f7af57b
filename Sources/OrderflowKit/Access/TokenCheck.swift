import Hashing
import Messaging
import WebTokens

/// From a token to who has it: by the cache, or by its signature.
struct TokenCheck: Sendable {
    let rules: TokenRules
    let keys: TokenKeys
    private let cache = TokenCache()

    init(_ rules: TokenRules, keys: TokenKeys) {
        self.rules = rules
        self.keys = keys
    }

    /// - Parameter now: seconds since the Unix epoch.
    func principal(
        of token: UnsafeRawBufferPointer, _ fingerprint: Fingerprint, at now: Int64
    ) throws(IdentityRefusal) -> Principal {
        if let entry = cache.entry(fingerprint), entry.epoch == keys.epoch {
            guard now < entry.end else { throw .token(.expired) }
            return entry.principal
        }
        let (keys, epoch) = try self.keys.current()
        let claims: TokenRules.Claims
        do throws(TokenError) {
            claims = try rules.check(token, by: keys, at: now)
        } catch {
            throw error == .unknownKey ? self.keys.unknownKey() : .token(error)
        }
        let principal = try principal(claims)
        cache.keep(TokenCache.Entry(principal: principal, end: claims.end, epoch: epoch), for: fingerprint)
        return principal
    }

    /// A token that should name a tenant and doesn't isn't one of the standard tenant's.
    private func principal(_ claims: TokenRules.Claims) throws(IdentityRefusal) -> Principal {
        let rights = Rights(scopes: claims.scopes)
        var tenant = claims.tenant
        if let tenant {
            guard TenantName.isValid(tenant) else { throw .token(.tenant) }
        } else if rules.tenantClaim == nil {
            tenant = TenantName.standard
        } else if !rights.contains(.tenantsAny) {
            throw .token(.tenant)
        }
        return Principal(.token, subject: claims.subject, tenant: tenant, rights: rights, end: claims.end)
    }
}
