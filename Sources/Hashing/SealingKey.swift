import CLibcrypto

/// A secret key for what is given away and comes back: nobody else can read it, and a change doesn't go unnoticed.
/// AES-256-GCM (NIST SP 800-38D), by OpenSSL's libcrypto.
public struct SealingKey: Sendable {
    /// Bytes of a key.
    public static let size = 32
    /// Bytes that sealing adds. Nonces are random: one key may seal some 2³² times (NIST SP 800-38D §8.3).
    public static let overhead = nonceSize + tagSize

    private static let nonceSize = 12
    private static let tagSize = 16

    private let key: [UInt8]

    /// - Parameter key: `size` bytes that nobody can guess. Any other number is a mistake in the program, and traps.
    public init(_ key: [UInt8]) {
        precondition(key.count == Self.size, "a key of \(key.count) bytes")
        self.key = key
    }

    /// - Parameter purpose: what it is for; opens for nothing else.
    public func seal(_ content: [UInt8], for purpose: String) -> [UInt8] {
        var sealed = [UInt8](repeating: 0, count: content.count + Self.overhead)
        precondition(RAND_bytes(&sealed, Int32(Self.nonceSize)) == 1, "no random numbers from the system")
        let done = sealed.withUnsafeMutableBufferPointer { sealed in
            Self.with(key, UnsafePointer(sealed.baseAddress), purpose, seals: true) { context in
                var length: Int32 = 0
                return EVP_EncryptUpdate(
                    context, sealed.baseAddress.map { $0 + Self.nonceSize }, &length, content, Int32(content.count))
                    == 1
                    && EVP_EncryptFinal_ex(context, nil, &length) == 1
                    && EVP_CIPHER_CTX_ctrl(
                        context, EVP_CTRL_GCM_GET_TAG, Int32(Self.tagSize),
                        sealed.baseAddress.map { $0 + sealed.count - Self.tagSize }) == 1
            }
        }
        // Nothing of it fails but for want of memory.
        precondition(done, "AES-256-GCM of \(content.count) bytes")
        return sealed
    }

    /// What was sealed by this key for this purpose; nil for anything else.
    public func open(_ sealed: [UInt8], for purpose: String) -> [UInt8]? {
        guard sealed.count >= Self.overhead, sealed.count <= Int(Int32.max) else { return nil }
        let count = sealed.count - Self.overhead
        var tag = Array(sealed.suffix(Self.tagSize))
        var content = [UInt8](repeating: 0, count: count)
        let isWhole = sealed.withUnsafeBufferPointer { sealed in
            Self.with(key, sealed.baseAddress, purpose, seals: false) { context in
                var length: Int32 = 0
                return EVP_DecryptUpdate(
                    context, &content, &length, sealed.baseAddress.map { $0 + Self.nonceSize }, Int32(count)) == 1
                    && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, Int32(Self.tagSize), &tag) == 1
                    && EVP_DecryptFinal_ex(context, nil, &length) == 1
            }
        }
        // What fails leaves a note for this thread, which mustn't pile up (ERR_put_error(3)).
        if !isWhole { ERR_clear_error() }
        return isWhole ? content : nil
    }

    private static func with(
        _ key: [UInt8], _ nonce: UnsafePointer<UInt8>?, _ purpose: String, seals: Bool,
        _ body: (OpaquePointer) -> Bool
    ) -> Bool {
        guard let context = EVP_CIPHER_CTX_new() else { return false }
        // Wipes the key's schedule too.
        defer { EVP_CIPHER_CTX_free(context) }
        let purpose = Array(purpose.utf8)
        var length: Int32 = 0
        return EVP_CipherInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce, seals ? 1 : 0) == 1
            && (purpose.isEmpty || EVP_CipherUpdate(context, nil, &length, purpose, Int32(purpose.count)) == 1)
            && body(context)
    }
}
