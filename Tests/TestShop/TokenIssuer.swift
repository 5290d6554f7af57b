import CLibcrypto
import Foundation

/// An identity provider of a test's own: one Ed25519 key, its key set in a file, and tokens as many as wanted.
public final class TokenIssuer: @unchecked Sendable {
    // The key is immutable from `init` on, and every signature has a context of its own.
    private let key: OpaquePointer
    /// The path of the key set.
    public let keySet: String

    private struct Failure: Error {
        let description: String
    }

    public static let issuer = "https://id.test"
    public static let audience = "orderflow"

    public init() throws {
        var made: OpaquePointer?
        let context = EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, nil)
        defer { EVP_PKEY_CTX_free(context) }
        guard EVP_PKEY_keygen_init(context) == 1, EVP_PKEY_keygen(context, &made) == 1, let key = made else {
            throw Failure(description: "no Ed25519 key")
        }
        self.key = key
        var bytes = [UInt8](repeating: 0, count: 32)
        var count = bytes.count
        guard EVP_PKEY_get_raw_public_key(key, &bytes, &count) == 1 else { throw Failure(description: "no public key") }
        keySet = NSTemporaryDirectory() + "/orderflow-keys-\(UUID()).json"
        let document = #"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"test","x":"\#(Self.base64URL(Data(bytes)))"}]}"#
        try document.write(toFile: keySet, atomically: true, encoding: .utf8)
    }

    deinit {
        EVP_PKEY_free(key)
        try? FileManager.default.removeItem(atPath: keySet)
    }

    /// What has a shop ask for credentials, and take these tokens.
    public var settings: [String: String] {
        [
            "ORDERFLOW_AUTH_MODE": "required", "ORDERFLOW_AUTH_JWKS_FILE": keySet,
            "ORDERFLOW_AUTH_ISSUER": Self.issuer, "ORDERFLOW_AUTH_AUDIENCE": Self.audience,
            "ORDERFLOW_AUTH_SERVICE_KEY": "service-key-of-the-test-shop-0123456789",
        ]
    }

    /// A token of `subject`.
    ///
    /// - Parameter lasts: seconds; negative for one that has expired.
    public func token(
        _ subject: String, _ scopes: [String], tenant: String? = "default", lasts: Int = 3600
    ) throws -> String {
        let now = Int(Date().timeIntervalSince1970)
        var claims: [String: any Sendable] = [
            "iss": Self.issuer, "aud": Self.audience, "sub": subject, "scope": scopes.joined(separator: " "),
            "iat": now, "exp": now + lasts,
        ]
        claims["tenant"] = tenant
        let header = Self.base64URL(Data(#"{"alg":"EdDSA","typ":"at+jwt","kid":"test"}"#.utf8))
        let signed = header + "." + Self.base64URL(try JSONSerialization.data(withJSONObject: claims))
        return signed + "." + Self.base64URL(Data(try signature(Array(signed.utf8))))
    }

    private func signature(_ text: [UInt8]) throws -> [UInt8] {
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        var signature = [UInt8](repeating: 0, count: 64)
        var count = signature.count
        guard EVP_DigestSignInit(context, nil, nil, nil, key) == 1,
            EVP_DigestSign(context, &signature, &count, text, text.count) == 1
        else { throw Failure(description: "no signature") }
        return signature
    }

    private static func base64URL(_ data: Data) -> String {
        data.base64EncodedString().replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
            .replacingOccurrences(of: "=", with: "")
    }
}
