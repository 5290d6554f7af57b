import CLibcrypto

/// Base64 with padding (RFC 4648 §4), by OpenSSL's libcrypto (EVP_EncodeInit(3)).
enum Base64 {
    static func encode(_ bytes: [UInt8]) -> String {
        // Four characters for each three bytes begun, and a NUL.
        let text = [UInt8](unsafeUninitializedCapacity: (bytes.count + 2) / 3 * 4 + 1) { buffer, count in
            count = Int(EVP_EncodeBlock(buffer.baseAddress, bytes, Int32(bytes.count)))
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Nil for anything that `encode` doesn't give: one content has one text.
    static func decode(_ text: String) -> [UInt8]? {
        let characters = Array(text.utf8)
        guard !characters.isEmpty, characters.count.isMultiple(of: 4), characters.count <= 1 << 20 else {
            return characters.isEmpty ? [] : nil
        }
        var count: Int32 = -1
        var bytes = [UInt8](unsafeUninitializedCapacity: characters.count / 4 * 3) { buffer, filled in
            count = EVP_DecodeBlock(buffer.baseAddress, characters, Int32(characters.count))
            filled = max(0, Int(count))
        }
        guard count >= 0 else { return nil }
        // What stands for padding was decoded as zeros.
        bytes.removeLast(min(bytes.count, characters.reversed().prefix { $0 == UInt8(ascii: "=") }.count))
        return encode(bytes) == text ? bytes : nil
    }
}
