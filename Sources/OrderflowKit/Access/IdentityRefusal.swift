import HTTPServer
import WebTokens

/// Why it isn't known who sends a request (RFC 6750 §3).
enum IdentityRefusal: Error, Hashable {
    /// No `Authorization`, or one of another scheme.
    case missing
    case malformedHeader
    case repeatedHeader
    case token(TokenError)
    /// A token, where only keys are taken.
    case noTokens
    case unknownKey
    case expiredKey
    /// It can't be known now whether the credential is good.
    case keysAway
    case tokenKeysAway

    static let all: [IdentityRefusal] =
        [.missing, .malformedHeader, .repeatedHeader, .noTokens, .unknownKey, .expiredKey, .keysAway, .tokenKeysAway]
        + TokenError.allCases.map { .token($0) }

    /// For metrics.
    var reason: String {
        switch self {
        case .missing: "missing"
        case .malformedHeader: "malformed_header"
        case .repeatedHeader: "repeated_header"
        case .token(let error): "token_\(error.rawValue)"
        case .noTokens: "no_tokens"
        case .unknownKey: "key_unknown"
        case .expiredKey: "key_expired"
        case .keysAway: "keys_away"
        case .tokenKeysAway: "token_keys_away"
        }
    }

    var problem: HTTPProblem {
        switch self {
        case .missing:
            // RFC 6750 §3.1: who brings nothing is told of no error.
            HTTPProblem(
                .unauthorized, title: "Credential needed",
                detail: "send Authorization: Bearer and a token or an API key",
                headers: [HTTPHeader("WWW-Authenticate", "Bearer realm=\"orderflow\"")])
        case .malformedHeader:
            Self.refused(.badRequest, "invalid_request", "Authorization must be Bearer, a blank and one credential")
        case .repeatedHeader: Self.refused(.badRequest, "invalid_request", "Authorization comes several times")
        case .token(let error): Self.refused(.unauthorized, "invalid_token", "\(error)")
        case .noTokens: Self.refused(.unauthorized, "invalid_token", "only API keys are taken here")
        case .unknownKey: Self.refused(.unauthorized, "invalid_token", "the API key isn't known, or is revoked")
        case .expiredKey: Self.refused(.unauthorized, "invalid_token", "the API key has expired")
        case .keysAway, .tokenKeysAway:
            HTTPProblem(
                .serviceUnavailable, title: "Credential can't be checked",
                detail: "what is needed to check it can't be reached now", headers: [Unavailable.retryAfter])
        }
    }

    private static func refused(_ status: HTTPStatus, _ error: String, _ description: String) -> HTTPProblem {
        HTTPProblem(
            status, title: "Credential refused", detail: description,
            headers: [
                HTTPHeader(
                    "WWW-Authenticate",
                    "Bearer realm=\"orderflow\", error=\"\(error)\", error_description=\"\(description)\"")
            ])
    }
}
