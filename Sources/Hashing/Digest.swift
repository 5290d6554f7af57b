import CLibcrypto

/// Cryptographic hash functions, by OpenSSL's libcrypto (EVP_DigestInit(3)): of those that this program needs to know
/// things by, not to protect them with.
public enum Digest: Sendable {
    /// SHA-1 (FIPS 180-4), 20 bytes. For name-based UUIDs (RFC 9562 §5.5) and nothing whose input an attacker may
    /// choose.
    case sha1
    /// SHA-256 (FIPS 180-4), 32 bytes.
    case sha256

    /// Bytes in a hash of this kind.
    public var size: Int {
        switch self {
        case .sha1: 20
        case .sha256: 32
        }
    }

    /// The hash of `bytes`.
    public func hash(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            hash(bytes, into: buffer)
            count = size
        }
    }

    /// - Parameter buffer: takes `size` bytes.
    func hash(_ bytes: UnsafeRawBufferPointer, into buffer: UnsafeMutableBufferPointer<UInt8>) {
        precondition(buffer.count >= size)
        // Neither fails but for want of memory (EVP_DigestInit(3)).
        precondition(EVP_Digest(bytes.baseAddress, bytes.count, buffer.baseAddress, nil, function, nil) == 1)
    }

    public func hash(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes(hash) }

    private var function: OpaquePointer {
        switch self {
        case .sha1: Self.functions.sha1
        case .sha256: Self.functions.sha256
        }
    }

    /// Looked up once: a search by name at each hash costs more than a short hash itself (OSSL_PROVIDER, "fetching").
    private static let functions = Functions()

    /// Immutable once they are made, and meant to be used by many threads (EVP_MD_fetch(3)); kept as long as the process.
    private struct Functions: @unchecked Sendable {
        let sha1 = Self.fetch("SHA1")
        let sha256 = Self.fetch("SHA256")

        private static func fetch(_ name: String) -> OpaquePointer {
            guard let function = EVP_MD_fetch(nil, name, nil) else {
                fatalError("libcrypto has no \(name): its configuration (openssl.cnf) leaves the default provider out")
            }
            return function
        }
    }
}
