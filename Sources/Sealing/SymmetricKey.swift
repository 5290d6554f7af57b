import Hashing

/// A secret key for what is given away and comes back: nobody else can read it, and a change doesn't go unnoticed.
/// AES-256-GCM (NIST SP 800-38D).
public struct SymmetricKey: Sendable {
    /// Bytes of a key.
    public static let size = 32
    /// Bytes that sealing adds. Nonces are random: one key may seal some 2³² times (NIST SP 800-38D §8.3).
    public static let overhead = nonceSize + AESGCM.tagSize

    private static let nonceSize = 12

    private let key: [UInt8]

    /// - Parameter key: `size` bytes that nobody can guess. Any other number is a mistake in the program, and traps.
    public init(_ key: [UInt8]) {
        precondition(key.count == Self.size, "a key of \(key.count) bytes")
        self.key = key
    }

    /// - Parameter purpose: what it is for; opens for nothing else.
    public func seal(_ content: [UInt8], for purpose: String) -> [UInt8] {
        let nonce = SecretBytes.make(Self.nonceSize)
        return nonce + AESGCM.seal(content, key, nonce: nonce, associated: Array(purpose.utf8))
    }

    /// What was sealed by this key for this purpose; nil for anything else.
    public func open(_ sealed: [UInt8], for purpose: String) -> [UInt8]? {
        guard sealed.count >= Self.overhead else { return nil }
        return AESGCM.open(
            sealed.dropFirst(Self.nonceSize), key, nonce: Array(sealed.prefix(Self.nonceSize)),
            associated: Array(purpose.utf8))
    }
}
