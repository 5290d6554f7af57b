/// Why a token isn't taken. Says nothing of what stands in it.
public enum TokenError: String, Error, Sendable, CaseIterable, CustomStringConvertible {
    case malformed
    case tooLong = "too_long"
    /// None of ours, or another one than its key is for.
    case algorithm
    /// Its header asks for something that isn't known here (RFC 7515 §4.1.11).
    case criticalHeader = "critical_header"
    case type
    case unknownKey = "unknown_key"
    case signature
    case expired
    case notYetValid = "not_yet_valid"
    case issuer
    case audience
    case subject
    case tenant

    /// For the client, in characters that RFC 6750 §3 lets stand in `error_description`.
    public var description: String {
        switch self {
        case .malformed: "the token is malformed"
        case .tooLong: "the token has more than \(JSONWebToken.limit) bytes"
        case .algorithm: "the token's algorithm isn't taken, or isn't its key's"
        case .criticalHeader: "the token's header names critical extensions that aren't known here"
        case .type: "the token is of another type than at+jwt and JWT"
        case .unknownKey: "the token's key isn't known"
        case .signature: "the token's signature isn't valid"
        case .expired: "the token has expired"
        case .notYetValid: "the token isn't valid yet"
        case .issuer: "the token is of another issuer"
        case .audience: "the token is for another audience"
        case .subject: "the token has no subject of 1 to 255 visible ASCII characters"
        case .tenant: "the token names no tenant, or none that can be"
        }
    }
}
