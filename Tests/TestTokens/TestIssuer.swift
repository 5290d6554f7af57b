import CLibcrypto
import JSON

/// An identity provider of a test: one Ed25519 key, and tokens that it signs, right ones and others.
public final class TestIssuer: Sendable {
    public let keyID: String
    private let seed: [UInt8]

    public static let name = "https://id.example"
    public static let audience = "orderflow"

    /// - Parameter seed: another one makes another key.
    public init(_ keyID: String = "k1", seed: UInt8 = 7) {
        self.keyID = keyID
        self.seed = [UInt8](repeating: seed, count: 32)
    }

    /// Its key set (RFC 7517, RFC 8037), with those of others.
    public func keySet(and others: TestIssuer...) -> String {
        #"{"keys":["# + ([self] + others).map(\.key).joined(separator: ",") + "]}"
    }

    private var key: String {
        #"{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":"\#(keyID)","x":"\#(Self.text(publicKey))"}"#
    }

    /// A token with these claims over the usual ones; null takes one away.
    public func token(_ claims: [String: JSONValue] = [:], header: [String: JSONValue] = [:], at now: Int64) -> String {
        let usual: [String: JSONValue] = [
            "iss": .string(Self.name), "aud": .string(Self.audience), "sub": "alice", "tenant": "acme",
            "exp": .number(JSONNumber(now + 300)), "iat": .number(JSONNumber(now)), "scope": "orders:read openid",
        ]
        let head: [String: JSONValue] = ["alg": "EdDSA", "typ": "at+jwt", "kid": .string(keyID)]
        return token(
            header: Self.text(Self.object(head.merging(header) { $1 })),
            payload: Self.text(Self.object(usual.merging(claims) { $1 })))
    }

    /// Signs whatever stands in the two parts.
    public func token(header: String, payload: String) -> String {
        let signed = header + "." + payload
        return signed + "." + Self.text(sign(Array(signed.utf8)))
    }

    private static func object(_ members: [String: JSONValue]) -> [UInt8] {
        var object = JSONObject()
        for (name, value) in members.sorted(by: { $0.key < $1.key }) where value != .null { object[name] = value }
        return JSONValue.object(object).bytes
    }

    /// Base64 for URLs, without padding.
    public static func text(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = Array(bytes[start..<min(start + 3, bytes.count)])
            let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for position in 0...group.count { text.append(alphabet[bits >> (18 - 6 * position) & 63]) }
        }
        return text
    }

    private var publicKey: [UInt8] {
        withKey { key in
            var length = 32
            var bytes = [UInt8](repeating: 0, count: length)
            precondition(EVP_PKEY_get_raw_public_key(key, &bytes, &length) == 1)
            return bytes
        }
    }

    private func sign(_ message: [UInt8]) -> [UInt8] {
        withKey { key in
            let context = EVP_MD_CTX_new()
            defer { EVP_MD_CTX_free(context) }
            var length = 64
            var signature = [UInt8](repeating: 0, count: length)
            precondition(EVP_DigestSignInit(context, nil, nil, nil, key) == 1)
            precondition(EVP_DigestSign(context, &signature, &length, message, message.count) == 1)
            return signature
        }
    }

    private func withKey<Result>(_ body: (OpaquePointer?) -> Result) -> Result {
        let key = EVP_PKEY_new_raw_private_key_ex(nil, "ED25519", nil, seed, seed.count)
        defer { EVP_PKEY_free(key) }
        return body(key)
    }
}

extension TestIssuer {
    /// The settings of a shop that takes its tokens, by a file with its key set.
    public func settings(keySet file: String) -> [String: String] {
        [
            "ORDERFLOW_AUTH_MODE": "required", "ORDERFLOW_AUTH_JWKS_FILE": file,
            "ORDERFLOW_AUTH_ISSUER": Self.name, "ORDERFLOW_AUTH_AUDIENCE": Self.audience,
        ]
    }
}
