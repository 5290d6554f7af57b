import CLibcrypto

/// A public key with the one algorithm that it is for (RFC 8725 §3.1), by OpenSSL's libcrypto.
///
/// `@unchecked Sendable`: the key is immutable from `init` on, every verification has a context of its own, and
/// libcrypto counts references atomically (EVP_PKEY_up_ref(3)).
final class VerificationKey: @unchecked Sendable {
    let algorithm: SigningAlgorithm
    private let key: OpaquePointer

    /// Bits of an RSA modulus: fewer can be factored, and more cost too much time.
    static let modulusBits = 2048...8192

    /// An RSA key, by modulus and exponent in big-endian bytes. Nil for numbers that make no key or a weak one.
    init?(modulus: [UInt8], exponent: [UInt8]) {
        let modulus = modulus.drop { $0 == 0 }
        let exponent = exponent.drop { $0 == 0 }
        guard let top = modulus.first, let low = exponent.last, low & 1 == 1, exponent.count <= 4,
            exponent.count > 1 || low >= 3,
            Self.modulusBits.contains(modulus.count * 8 - top.leadingZeroBitCount),
            let key = Array(modulus).withUnsafeBufferPointer({ modulus in
                Array(exponent).withUnsafeBufferPointer { exponent in
                    orderflow_rsa_public_key(
                        modulus.baseAddress, Int32(modulus.count), exponent.baseAddress, Int32(exponent.count))
                }
            })
        else { return nil }
        self.key = key
        algorithm = .rs256
    }

    /// A point of P-256. Nil for one that isn't on the curve.
    init?(x: [UInt8], y: [UInt8]) {
        // RFC 7518 §6.2.1.2: as long as the field's elements, leading zeros included.
        guard x.count == 32, y.count == 32 else { return nil }
        var point = [4] + x + y
        guard let key = point.withUnsafeMutableBufferPointer({ orderflow_p256_public_key($0.baseAddress) }) else {
            return nil
        }
        self.key = key
        algorithm = .es256
    }

    init?(ed25519 bytes: [UInt8]) {
        guard bytes.count == 32,
            let key = bytes.withUnsafeBufferPointer({ orderflow_ed25519_public_key($0.baseAddress) })
        else { return nil }
        self.key = key
        algorithm = .eddsa
    }

    deinit { EVP_PKEY_free(key) }

    /// Whether `signature` is this key's, over `message`.
    func verifies(_ signature: [UInt8], over message: UnsafeRawBufferPointer) -> Bool {
        guard let signature = algorithm == .es256 ? Self.derSignature(signature) : signature,
            let context = EVP_MD_CTX_new()
        else { return false }
        defer { EVP_MD_CTX_free(context) }
        // What fails leaves a note for this thread, which mustn't pile up (ERR_put_error(3)).
        defer { ERR_clear_error() }
        // Ed25519 hashes by itself.
        let digest = algorithm == .eddsa ? nil : EVP_sha256()
        guard EVP_DigestVerifyInit(context, nil, digest, nil, key) == 1 else { return false }
        return EVP_DigestVerify(
            context, signature, signature.count, message.assumingMemoryBound(to: UInt8.self).baseAddress,
            message.count) == 1
    }

    /// Two numbers of 32 bytes each (RFC 7518 §3.4), as libcrypto takes them; nil for anything of another length.
    private static func derSignature(_ raw: [UInt8]) -> [UInt8]? {
        guard raw.count == 64, let signature = ECDSA_SIG_new() else { return nil }
        defer { ECDSA_SIG_free(signature) }
        let (r, s) = raw.withUnsafeBufferPointer { raw in
            (BN_bin2bn(raw.baseAddress, 32, nil), BN_bin2bn(raw.baseAddress.map { $0 + 32 }, 32, nil))
        }
        guard r != nil, s != nil, ECDSA_SIG_set0(signature, r, s) == 1 else {
            BN_free(r)
            BN_free(s)
            return nil
        }
        let length = i2d_ECDSA_SIG(signature, nil)
        guard length > 0 else { return nil }
        return [UInt8](unsafeUninitializedCapacity: Int(length)) { buffer, count in
            var end = buffer.baseAddress
            count = max(0, Int(i2d_ECDSA_SIG(signature, &end)))
        }
    }
}
