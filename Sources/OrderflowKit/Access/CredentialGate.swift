import Execution
import HTTPServer
import Hashing

/// Lets in who brings a token or a key with the right that a route needs, as `auth.mode: required` says.
///
/// A request pays for one SHA-256 and one look into a table; a token's signature is checked once.
final class CredentialGate: AccessGate {
    private let keys: APIKeyRing
    /// Nil where only keys are taken.
    private let tokens: TokenCheck?
    private let serviceKey: Fingerprint?
    private let counts: RefusalCounts
    let refusals: RefusedRights?

    /// - Parameters:
    ///   - serviceKey: what the installation's own processes bring to each other.
    ///   - onRefusedRight: called when a known caller lacks a right, on the thread that finds out; must not block.
    init(
        keys: APIKeyRing, tokens: TokenCheck?, serviceKey: String?,
        onRefusedRight: @escaping @Sendable (RefusedRight) -> Void
    ) {
        self.keys = keys
        self.tokens = tokens
        self.serviceKey = serviceKey.map { Fingerprint(of: $0) }
        counts = RefusalCounts()
        refusals = RefusedRights(counts, onRefusedRight: onRefusedRight)
    }

    /// The installation's own processes: the dashboard asks roles, the API asks the saga.
    private static let service = Principal(
        .key, subject: "service", tenant: nil, rights: Rights([.operate, .tenantsAny]))

    /// Bytes of a credential.
    private static let limit = 8 << 10

    func admit(_ request: borrowing HTTPRequest, to need: RouteNeed) throws(HTTPProblem) -> Principal {
        if need.right == .open { return .anonymous }
        let principal: Principal
        do throws(IdentityRefusal) {
            principal = try identify(request)
        } catch {
            counts.count(error)
            throw error.problem
        }
        try check(principal, request, need)
        return principal
    }

    private func check(
        _ principal: Principal, _ request: borrowing HTTPRequest, _ need: RouteNeed
    ) throws(HTTPProblem) {
        guard need.isMet(by: principal) else { throw refusal(of: need.right, principal, request) }
        if let tenant = try RequestContext.namedTenant(request), !principal.mayActFor(tenant) {
            throw refusal(of: .tenantsAny, principal, request)
        }
    }

    /// Counted, and noted for the audit.
    private func refusal(
        of right: Right, _ principal: Principal, _ request: borrowing HTTPRequest
    ) -> HTTPProblem {
        refusals?.note(RefusedRight(principal, right, request))
        return AccessRefusal.missing(right)
    }

    private func identify(_ request: borrowing HTTPRequest) throws(IdentityRefusal) -> Principal {
        var found: Result<Principal, IdentityRefusal>?
        let count = request.forEachHeader("Authorization") { value in
            if found == nil { found = principal(authorization: value) }
        }
        guard count <= 1 else { throw .repeatedHeader }
        guard let found else { throw .missing }
        return try found.get()
    }

    /// RFC 6750 §2.1; the scheme's name in any case (RFC 9110 §11.1).
    private func principal(authorization value: UnsafeRawBufferPointer) -> Result<Principal, IdentityRefusal> {
        let scheme: StaticString = "bearer"
        let length = scheme.utf8CodeUnitCount
        let hasScheme =
            value.count >= length && (0..<length).allSatisfy { value[$0] | 0x20 == scheme.utf8Start[$0] }
            && (value.count == length || value[length] == 0x20)
        guard hasScheme else { return .failure(.missing) }
        let credential = UnsafeRawBufferPointer(
            rebasing: value[min(length + 1, value.count)...].drop { $0 == 0x20 })
        guard !credential.isEmpty, !credential.contains(0x20), !credential.contains(0x2C) else {
            return .failure(.malformedHeader)
        }
        return Result { () throws(IdentityRefusal) in try principal(of: credential) }
    }

    /// Whose credential it is, wherever it was brought.
    func principal(of credential: UnsafeRawBufferPointer) throws(IdentityRefusal) -> Principal {
        guard credential.count <= Self.limit else { throw .token(.tooLong) }
        let fingerprint = Fingerprint(of: credential)
        if fingerprint == serviceKey { return Self.service }
        let now = WallClock.nowMicroseconds() / 1_000_000
        if APIKey.isOne(credential) { return try keys.principal(of: fingerprint, at: now) }
        guard let tokens else { throw .noTokens }
        return try tokens.principal(of: credential, fingerprint, at: now)
    }
}

extension CredentialGate: CredentialReader {
    func principal(of credential: String) throws(HTTPProblem) -> Principal {
        var credential = credential
        let found = credential.withUTF8 { bytes in
            Result { () throws(IdentityRefusal) in try principal(of: UnsafeRawBufferPointer(bytes)) }
        }
        do throws(IdentityRefusal) {
            return try found.get()
        } catch {
            counts.count(error)
            throw error.problem
        }
    }

    func admit(
        _ request: borrowing HTTPRequest, bringing credential: String, to need: RouteNeed
    ) throws(HTTPProblem) -> Principal {
        let principal = try principal(of: credential)
        try check(principal, request, need)
        return principal
    }
}
