import Execution
import Hashing

/// Who has this can seal messages that only the owner of the `OpeningKey` opens; it can't open them itself.
///
/// A sealed message is the sender's public key for a run of messages (32 bytes), the message's number (8), and the
/// ciphertext with its tag (16 bytes more than the text): HPKE contexts are made for many messages, and an agreement costs
/// twenty times as much as the rest.
public final class SealingKey: Sendable {
    public let publicKey: [UInt8]
    private let info: [UInt8]
    private let run: Monitor<Run>

    private struct Run {
        let sender: [UInt8]
        let context: HPKE.Context
        var next: UInt64 = 0
    }

    /// Messages under one agreement.
    private static let runLength: UInt64 = 65_536
    static let headSize = HPKE.keySize + 8
    /// How much longer a sealed message is than its text.
    public static let overhead = headSize + AESGCM.tagSize

    /// Nil for bytes that are no public key.
    ///
    /// - Parameter purpose: what the messages are; the same at both ends (RFC 9180, "info").
    public init?(publicKey: [UInt8], purpose: String) {
        info = Array(purpose.utf8)
        guard let first = Self.begin(publicKey, info) else { return nil }
        self.publicKey = publicKey
        run = Monitor(first)
    }

    private static func begin(_ publicKey: [UInt8], _ info: [UInt8]) -> Run? {
        let secret = SecretBytes.make(HPKE.keySize)
        guard let context = HPKE.senderContext(secret, to: publicKey, info: info),
            let sender = X25519.publicKey(of: secret)
        else { return nil }
        return Run(sender: sender, context: context)
    }

    /// - Parameter associated: what the message belongs to: it isn't in the message, and must be the same to open it.
    public func seal(_ text: [UInt8], for associated: [UInt8]) -> [UInt8] {
        let (sender, context, number) = run.withLock { run in
            // The key was good at the beginning, and is.
            if run.next == Self.runLength, let fresh = Self.begin(publicKey, info) { run = fresh }
            defer { run.next += 1 }
            return (run.sender, run.context, run.next)
        }
        return sender + withUnsafeBytes(of: number.bigEndian) { Array($0) }
            + AESGCM.seal(text, context.key, nonce: context.nonce(number), associated: associated)
    }
}

/// Opens what was sealed with its `publicKey`.
public struct OpeningKey: Sendable {
    /// These open everything.
    public let privateBytes: [UInt8]
    public let publicKey: [UInt8]

    /// A new one.
    public init() {
        while true {
            if let key = OpeningKey(privateBytes: SecretBytes.make(HPKE.keySize)) {
                self = key
                return
            }
        }
    }

    /// Nil for bytes that are no private key.
    public init?(privateBytes: [UInt8]) {
        guard let publicKey = X25519.publicKey(of: privateBytes) else { return nil }
        self.privateBytes = privateBytes
        self.publicKey = publicKey
    }

    /// Nil where the message was sealed for another key, purpose or thing, or changed since.
    public func open(_ sealed: [UInt8], purpose: String, for associated: [UInt8]) -> [UInt8]? {
        guard sealed.count >= SealingKey.overhead else { return nil }
        let sender = Array(sealed[..<HPKE.keySize])
        let number = sealed[HPKE.keySize..<SealingKey.headSize].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard
            let context = HPKE.recipientContext(sender, privateBytes, publicKey, info: Array(purpose.utf8))
        else { return nil }
        return AESGCM.open(
            sealed[SealingKey.headSize...], context.key, nonce: context.nonce(number), associated: associated)
    }
}
