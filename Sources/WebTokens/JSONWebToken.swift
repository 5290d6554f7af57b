import JSON

/// A signed JSON Web Token in its compact form (RFC 7515 §7.1, RFC 7519), read and not yet believed.
struct JSONWebToken {
    let algorithm: SigningAlgorithm
    let keyID: String?
    /// What is signed: header and payload as they stand in the text.
    let signed: UnsafeRawBufferPointer
    let signature: [UInt8]
    private let payload: UnsafeRawBufferPointer

    /// Bytes of a token.
    static let limit = 8 << 10

    /// - Parameter text: has to stay in place while the token lives.
    init(_ text: UnsafeRawBufferPointer) throws(TokenError) {
        guard text.count <= Self.limit else { throw .tooLong }
        guard let first = text.firstIndex(of: UInt8(ascii: ".")),
            let second = text[(first + 1)...].firstIndex(of: UInt8(ascii: ".")),
            // Five parts are an encrypted one (RFC 7516 §9).
            !text[(second + 1)...].contains(UInt8(ascii: ".")),
            let signature = Base64URL.decode(UnsafeRawBufferPointer(rebasing: text[(second + 1)...])),
            let header = Self.object(UnsafeRawBufferPointer(rebasing: text[..<first]))
        else { throw .malformed }
        self.signature = signature
        signed = UnsafeRawBufferPointer(rebasing: text[..<second])
        payload = UnsafeRawBufferPointer(rebasing: text[(first + 1)..<second])

        guard header["crit"] == nil else { throw .criticalHeader }
        guard let name = header["alg"]?.string else { throw .malformed }
        guard let algorithm = name == "Ed25519" ? .eddsa : SigningAlgorithm(rawValue: name) else { throw .algorithm }
        self.algorithm = algorithm
        switch header["kid"] {
        case nil: keyID = nil
        case .string(let id)?: keyID = id
        default: throw .malformed
        }
        // RFC 9068 §4, RFC 7515 §4.1.9: a media type, whose "application/" may be left out.
        let type = header["typ"]?.string?.lowercased()
        guard ["at+jwt", "application/at+jwt", "jwt"].contains(type) else { throw .type }
    }

    /// The claims. Read only when the signature is known to be right.
    func claims() throws(TokenError) -> JSONValue {
        guard let claims = Self.object(payload) else { throw .malformed }
        return claims
    }

    private static func object(_ text: UnsafeRawBufferPointer) -> JSONValue? {
        guard let bytes = Base64URL.decode(text), let value = try? JSONValue(parsing: bytes, depthLimit: 16),
            value.object != nil
        else { return nil }
        return value
    }
}
