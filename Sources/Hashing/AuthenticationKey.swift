import CLibcrypto

/// A secret with which messages are authenticated: HMAC-SHA256 (RFC 2104, FIPS 198-1), by OpenSSL's libcrypto
/// (EVP_MAC-HMAC(7)). Who doesn't have it can neither make nor check a code.
public struct AuthenticationKey: Sendable {
    /// Bytes of a code.
    public static let codeSize = 32

    private let keyed: Keyed

    /// - Parameter secret: of 32 bytes, or more, that nobody can guess.
    public init(_ secret: [UInt8]) { keyed = Keyed(secret) }

    /// The code of a message.
    public func code(of message: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Self.codeSize) { buffer, count in
            // None of these fails but for want of memory.
            let context = EVP_MAC_CTX_dup(keyed.context)
            defer { EVP_MAC_CTX_free(context) }
            let bytes = message.assumingMemoryBound(to: UInt8.self).baseAddress
            precondition(EVP_MAC_update(context, bytes, message.count) == 1, "HMAC of \(message.count) bytes")
            precondition(EVP_MAC_final(context, buffer.baseAddress, &count, Self.codeSize) == 1, "the end of an HMAC")
        }
    }

    public func code(of message: [UInt8]) -> [UInt8] { message.withUnsafeBytes(code) }

    /// Whether `code` is the message's, in a time that tells nothing of where it differs.
    public func isCode(_ code: some Collection<UInt8>, of message: UnsafeRawBufferPointer) -> Bool {
        Self.areEqual(Array(code), self.code(of: message))
    }

    /// Compares in a time that depends on the lengths alone.
    public static func areEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        a.count == b.count && CRYPTO_memcmp(a, b, a.count) == 0
    }

    /// A context that has the key and no message yet.
    ///
    /// `@unchecked Sendable`: after `init` it is only copied (EVP_MAC_CTX_dup takes it as const), and freed by the last
    /// owner.
    private final class Keyed: @unchecked Sendable {
        let context: OpaquePointer

        init(_ secret: [UInt8]) {
            guard let function = EVP_MAC_fetch(nil, "HMAC", nil), let context = EVP_MAC_CTX_new(function) else {
                fatalError("libcrypto has no HMAC: its configuration (openssl.cnf) leaves the default provider out")
            }
            defer { EVP_MAC_free(function) }
            self.context = context
            var digest = Array("SHA256".utf8CString)
            digest.withUnsafeMutableBufferPointer { digest in
                let parameters = [
                    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.baseAddress, 0),
                    OSSL_PARAM_construct_end(),
                ]
                precondition(EVP_MAC_init(context, secret, secret.count, parameters) == 1, "HMAC-SHA256")
            }
        }

        deinit { EVP_MAC_CTX_free(context) }
    }
}

/// Bytes that nobody can guess, of the operating system's source (RAND_bytes(3)).
public enum SecretBytes {
    public static func make(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            precondition(RAND_bytes(buffer.baseAddress, Int32(count)) == 1, "no random numbers from the system")
            filled = count
        }
    }
}
