import CLibcrypto
import Hashing

/// Hybrid Public Key Encryption in base mode (RFC 9180 §5.1.1): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-GCM, on
/// OpenSSL's primitives. (libcrypto has HPKE itself from 3.2 on; Debian 12 has 3.0.)
enum HPKE {
    /// The AEAD (RFC 9180 §7.3). What we seal, we seal by AES-256-GCM; the RFC's examples have the other one.
    enum Cipher: UInt16 {
        case aes128 = 1
        case aes256 = 2

        var keySize: Int { self == .aes128 ? 16 : 32 }
    }

    static let nonceSize = 12
    /// Of X25519, for private and public keys and what they agree on (§7.1).
    static let keySize = 32

    /// What sender and recipient have in common: enough for many messages, each by its number (§5.2).
    struct Context: Sendable {
        let key: [UInt8]
        let baseNonce: [UInt8]

        func nonce(_ number: UInt64) -> [UInt8] {
            var nonce = baseNonce
            for index in 0..<8 {
                nonce[HPKE.nonceSize - 1 - index] ^= UInt8(truncatingIfNeeded: number >> UInt64(8 * index))
            }
            return nonce
        }
    }

    /// The sender's: with a key pair made for this context alone, whose public key goes along.
    static func senderContext(
        _ ephemeral: [UInt8], to recipient: [UInt8], info: [UInt8], _ cipher: Cipher = .aes256
    ) -> Context? {
        guard let enc = X25519.publicKey(of: ephemeral), let agreed = X25519.agree(ephemeral, recipient)
        else { return nil }
        return context(sharedSecret(agreed, enc, recipient), info, cipher)
    }

    static func recipientContext(
        _ enc: [UInt8], _ recipient: [UInt8], _ publicKey: [UInt8], info: [UInt8], _ cipher: Cipher = .aes256
    ) -> Context? {
        X25519.agree(recipient, enc).map { context(sharedSecret($0, enc, publicKey), info, cipher) }
    }

    // MARK: Key schedule

    /// ExtractAndExpand (§4.1).
    static func sharedSecret(_ agreed: [UInt8], _ enc: [UInt8], _ recipient: [UInt8]) -> [UInt8] {
        let suite = Array("KEM".utf8) + [0, 0x20]
        let key = extract([], suite, "eae_prk", agreed)
        return expand(key, suite, "shared_secret", enc + recipient, keySize)
    }

    /// KeySchedule of mode_base (§5.1).
    private static func context(_ sharedSecret: [UInt8], _ info: [UInt8], _ cipher: Cipher) -> Context {
        let suite = Array("HPKE".utf8) + [0, 0x20, 0, 1, 0, UInt8(cipher.rawValue)]
        let schedule = [0] + extract([], suite, "psk_id_hash", []) + extract([], suite, "info_hash", info)
        let secret = extract(sharedSecret, suite, "secret", [])
        return Context(
            key: expand(secret, suite, "key", schedule, cipher.keySize),
            baseNonce: expand(secret, suite, "base_nonce", schedule, nonceSize))
    }

    private static let version = Array("HPKE-v1".utf8)

    /// LabeledExtract (§4); HKDF-Extract is an HMAC under the salt, zeros where there is none (RFC 5869 §2.2).
    private static func extract(_ salt: [UInt8], _ suite: [UInt8], _ label: String, _ input: [UInt8]) -> [UInt8] {
        let salt = salt.isEmpty ? [UInt8](repeating: 0, count: AuthenticationKey.codeSize) : salt
        return AuthenticationKey(salt).code(of: version + suite + label.utf8 + input)
    }

    /// LabeledExpand (§4) of at most one block, which is all that is asked for.
    private static func expand(
        _ key: [UInt8], _ suite: [UInt8], _ label: String, _ info: [UInt8], _ count: Int
    ) -> [UInt8] {
        precondition(count <= AuthenticationKey.codeSize, "HKDF of \(count) bytes")
        let labeled = [0, UInt8(count)] + version + suite + label.utf8 + info
        return Array(AuthenticationKey(key).code(of: labeled + [1]).prefix(count))
    }
}

/// Diffie and Hellman's agreement on Curve25519 (RFC 7748), by EVP_PKEY-X25519(7).
enum X25519 {
    /// Nil for what is no private key.
    static func publicKey(of privateKey: [UInt8]) -> [UInt8]? {
        guard privateKey.count == HPKE.keySize,
            let key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nil, privateKey, privateKey.count)
        else { return nil }
        defer { EVP_PKEY_free(key) }
        var bytes = [UInt8](repeating: 0, count: HPKE.keySize)
        var count = bytes.count
        guard EVP_PKEY_get_raw_public_key(key, &bytes, &count) == 1, count == bytes.count else { return nil }
        return bytes
    }

    /// Nil for keys that are none, and for a public key that agrees with everybody on nothing (RFC 7748 §6.1).
    static func agree(_ privateKey: [UInt8], _ publicKey: [UInt8]) -> [UInt8]? {
        guard privateKey.count == HPKE.keySize, publicKey.count == HPKE.keySize,
            let own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nil, privateKey, privateKey.count)
        else { return nil }
        defer { EVP_PKEY_free(own) }
        guard let other = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nil, publicKey, publicKey.count) else {
            return nil
        }
        defer { EVP_PKEY_free(other) }
        guard let context = EVP_PKEY_CTX_new(own, nil) else { return nil }
        defer { EVP_PKEY_CTX_free(context) }
        var agreed = [UInt8](repeating: 0, count: HPKE.keySize)
        var count = agreed.count
        guard EVP_PKEY_derive_init(context) == 1, EVP_PKEY_derive_set_peer(context, other) == 1,
            EVP_PKEY_derive(context, &agreed, &count) == 1, count == agreed.count
        else { return nil }
        return agreed
    }
}
