import CLibcrypto

/// AES in Galois/Counter Mode (NIST SP 800-38D): encrypts, and tells whether anything was changed since.
enum AESGCM {
    static let tagSize = 16

    /// Ciphertext and tag. Never twice with the same key and nonce.
    static func seal(_ plain: [UInt8], _ key: [UInt8], nonce: [UInt8], associated: [UInt8]) -> [UInt8] {
        let context = EVP_CIPHER_CTX_new()
        defer { EVP_CIPHER_CTX_free(context) }
        // None of these fails but for want of memory: sizes are fixed, and texts short.
        precondition(EVP_EncryptInit_ex(context, cipher(key), nil, key, nonce) == 1, "AES-GCM with a nonce")
        var sealed = [UInt8](repeating: 0, count: plain.count + tagSize)
        var count: Int32 = 0
        precondition(EVP_EncryptUpdate(context, nil, &count, associated, Int32(associated.count)) == 1, "AES-GCM's AAD")
        precondition(EVP_EncryptUpdate(context, &sealed, &count, plain, Int32(plain.count)) == 1, "AES-GCM's text")
        sealed.withUnsafeMutableBytes { bytes in
            let tag = bytes.baseAddress.map { $0 + plain.count }
            var rest: Int32 = 0
            precondition(
                EVP_EncryptFinal_ex(context, tag?.assumingMemoryBound(to: UInt8.self), &rest) == 1
                    && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(tagSize), tag) == 1, "AES-GCM's tag")
        }
        return sealed
    }

    /// Nil where anything differs from what was sealed.
    static func open(_ sealed: ArraySlice<UInt8>, _ key: [UInt8], nonce: [UInt8], associated: [UInt8]) -> [UInt8]? {
        guard sealed.count >= tagSize, let context = EVP_CIPHER_CTX_new() else { return nil }
        defer { EVP_CIPHER_CTX_free(context) }
        let text = Array(sealed.dropLast(tagSize))
        var tag = Array(sealed.suffix(tagSize))
        // libcrypto takes no empty output.
        var plain = [UInt8](repeating: 0, count: text.count + 1)
        var (count, rest): (Int32, Int32) = (0, 0)
        guard EVP_DecryptInit_ex(context, cipher(key), nil, key, nonce) == 1,
            EVP_DecryptUpdate(context, nil, &count, associated, Int32(associated.count)) == 1,
            EVP_DecryptUpdate(context, &plain, &count, text, Int32(text.count)) == 1,
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(tagSize), &tag) == 1,
            EVP_DecryptFinal_ex(context, nil, &rest) == 1
        else { return nil }
        return Array(plain.prefix(text.count))
    }

    private static func cipher(_ key: [UInt8]) -> OpaquePointer? {
        key.count == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm()
    }
}
