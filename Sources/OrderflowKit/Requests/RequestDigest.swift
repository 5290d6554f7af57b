import Hashing

/// Tells whether two requests ask for the same, whatever their white space and unknown members.
package enum RequestDigest {
    /// - Parameter canonical: what is asked for, with everything that a request doesn't decide held fixed.
    package static func of(_ canonical: [UInt8]) -> String {
        text(Digest.sha256.hash(canonical))
    }

    /// Of requests that have what can be guessed and mustn't be: without the key, nobody finds it out by trying.
    package static func of(_ canonical: [UInt8], by key: AuthenticationKey) -> String { text(key.code(of: canonical)) }

    private static func text(_ hash: [UInt8]) -> String { Hexadecimal.text(hash.prefix(16)) }
}
