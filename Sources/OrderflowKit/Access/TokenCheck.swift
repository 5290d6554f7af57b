import Hashing
import Messaging
import WebTokens

/// From a token to who has it: by what is known of it already, or by its signature.
struct TokenCheck: Sendable {
    let rules: TokenRules
    let keys: TokenKeys
    private let accepted = TokenCache<Principal>()
    /// Tokens that no later time makes good, so that one that is sent again and again costs its signature once.
    let refused = TokenCache<TokenError>(capacity: 8_192)
    /// For how many seconds a refusal is believed.
    private static let refusalAge: Int64 = 30

    init(_ rules: TokenRules, keys: TokenKeys) {
        self.rules = rules
        self.keys = keys
    }

    /// - Parameter now: seconds since the Unix epoch.
    func principal(
        of token: UnsafeRawBufferPointer, _ fingerprint: Fingerprint, at now: Int64
    ) throws(IdentityRefusal) -> Principal {
        if let entry = accepted.entry(fingerprint), entry.epoch == keys.epoch {
            guard now < entry.end else { throw .token(.expired) }
            return entry.finding
        }
        // Within its age on both sides: a clock that was set back keeps nobody out.
        if let entry = refused.entry(fingerprint), entry.epoch == keys.epoch,
            now < entry.end, entry.end - now <= Self.refusalAge
        {
            throw .token(entry.finding)
        }
        let (keys, epoch) = try self.keys.current()
        do throws(TokenError) {
            let claims = try rules.check(token, by: keys, at: now)
            let principal = try principal(claims)
            accepted.keep(.init(finding: principal, end: claims.end, epoch: epoch), for: fingerprint)
            return principal
        } catch {
            switch error {
            case .unknownKey: throw self.keys.unknownKey()
            // Good soon.
            case .notYetValid: break
            default: refused.keep(.init(finding: error, end: now + Self.refusalAge, epoch: epoch), for: fingerprint)
            }
            throw .token(error)
        }
    }

    /// A token that should name a tenant and doesn't isn't one of the standard tenant's.
    private func principal(_ claims: TokenRules.Claims) throws(TokenError) -> Principal {
        let rights = Rights(scopes: claims.scopes)
        var tenant = claims.tenant
        if let tenant {
            guard TenantName.isValid(tenant) else { throw .tenant }
        } else if rules.tenantClaim == nil {
            tenant = TenantName.standard
        } else if !rights.contains(.tenantsAny) {
            throw .tenant
        }
        return Principal(.token, subject: claims.subject, tenant: tenant, rights: rights, end: claims.end)
    }
}
