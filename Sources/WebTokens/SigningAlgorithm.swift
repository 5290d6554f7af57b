/// The signatures that are taken (RFC 7518 §3, RFC 8037 §3.1), by their names in a token's header. None of them has a
/// secret that a verifier could sign with.
public enum SigningAlgorithm: String, Sendable, CaseIterable {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    case rs256 = "RS256"
    /// ECDSA with P-256 and SHA-256.
    case es256 = "ES256"
    /// Ed25519.
    case eddsa = "EdDSA"
}
