import Hashing

/// Tells whether two requests ask for the same, whatever their white space and unknown members.
package enum RequestDigest {
    /// - Parameter canonical: what is asked for, with everything that a request doesn't decide held fixed.
    package static func of(_ canonical: [UInt8]) -> String {
        hex(Digest.sha256.hash(canonical))
    }

    /// Of requests that have what can be guessed and mustn't be: without the key, nobody finds it out by trying.
    package static func of(_ canonical: [UInt8], by key: AuthenticationKey) -> String { hex(key.code(of: canonical)) }

    private static func hex(_ hash: [UInt8]) -> String {
        hash.prefix(16).map { byte in
            let text = String(byte, radix: 16)
            return byte < 16 ? "0" + text : text
        }.joined()
    }
}
