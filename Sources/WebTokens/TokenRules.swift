import JSON

/// What a token has to say to be taken (RFC 7519 §4.1, RFC 9068 §4).
public struct TokenRules: Sendable {
    /// `iss`, character for character.
    public var issuer: String
    /// One of `aud`.
    public var audience: String
    /// The claim that names the tenant; nil where tokens have none.
    public var tenantClaim: String?
    /// Seconds that clocks may differ by.
    public var clockSkew: Int64

    public init(issuer: String, audience: String, tenantClaim: String?, clockSkew: Int64) {
        self.issuer = issuer
        self.audience = audience
        self.tenantClaim = tenantClaim
        self.clockSkew = clockSkew
    }

    /// What a token says, once it is known to be true.
    public struct Claims: Hashable, Sendable {
        public let subject: String
        /// Nil where the claim isn't there, or no claim is looked for.
        public let tenant: String?
        public let scopes: [String]
        /// Seconds since the Unix epoch, clock skew included: from then on the token isn't valid any more.
        public let end: Int64
    }

    public static let subjectLimit = 255

    /// The claims of a token that one of `keys` has signed.
    ///
    /// - Parameter now: seconds since the Unix epoch.
    public func check(_ text: UnsafeRawBufferPointer, by keys: JSONWebKeySet, at now: Int64) throws(TokenError)
        -> Claims
    {
        let token = try JSONWebToken(text)
        let key = try keys.key(token.keyID, for: token.algorithm)
        guard key.verifies(token.signature, over: token.signed) else { throw .signature }
        let claims = try token.claims()
        guard claims["iss"]?.string == issuer else { throw .issuer }
        guard Self.list(claims["aud"]).contains(audience) else { throw .audience }
        guard let expiry = claims["exp"].flatMap(Self.time) else { throw .malformed }
        let end = expiry.addingReportingOverflow(clockSkew)
        guard end.overflow || now < end.partialValue else { throw .expired }
        if let begin = claims["nbf"] {
            guard let begin = Self.time(begin) else { throw .malformed }
            let earliest = begin.subtractingReportingOverflow(clockSkew)
            guard earliest.overflow || now >= earliest.partialValue else { throw .notYetValid }
        }
        guard let subject = claims["sub"]?.string, (1...Self.subjectLimit).contains(subject.utf8.count),
            subject.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { throw .subject }
        return Claims(
            subject: subject, tenant: try tenant(claims), scopes: try Self.scopes(claims),
            end: end.overflow ? .max : end.partialValue)
    }

    private func tenant(_ claims: JSONValue) throws(TokenError) -> String? {
        guard let tenantClaim, let value = claims[tenantClaim] else { return nil }
        guard let name = value.string else { throw .tenant }
        return name
    }

    /// `scope` as RFC 8693 §4.2 has it, a text; or `scp`, an array of texts, or a text too.
    private static func scopes(_ claims: JSONValue) throws(TokenError) -> [String] {
        var scopes: [String] = []
        for value in [claims["scope"], claims["scp"]] {
            switch value {
            case nil: break
            case .string(let text)?: scopes += text.split(separator: " ").map(String.init)
            case .array(let names)?: scopes += names.compactMap(\.string)
            default: throw .malformed
            }
        }
        return scopes
    }

    private static func list(_ value: JSONValue?) -> [String] {
        value?.string.map { [$0] } ?? value?.array?.compactMap(\.string) ?? []
    }

    /// A NumericDate (RFC 7519 §2) in whole seconds, a fraction cut off; nil for what is none.
    private static func time(_ value: JSONValue) -> Int64? {
        guard let number = value.number else { return nil }
        return number.int64 ?? number.double.flatMap { Int64(exactly: $0.rounded(.down)) }
    }
}
