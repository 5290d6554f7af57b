/// What a webhook is signed with, and its receiver checks it by: the symmetric secret of Standard Webhooks
/// (github.com/standard-webhooks/standard-webhooks, spec 1.0.0, "Signature scheme").
public struct WebhookSecret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible {
    /// Bytes that a secret may have.
    public static let sizes = 24...64
    private static let prefix = "whsec_"

    private let bytes: [UInt8]

    /// One that nobody can guess.
    public static func random() -> WebhookSecret { WebhookSecret(bytes: SecretBytes.make(32)) }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// - Parameter text: `whsec_` and Base64 of 24 to 64 bytes; nil for anything else.
    public init?(text: String) {
        guard text.hasPrefix(Self.prefix), let bytes = Base64.decode(String(text.dropFirst(Self.prefix.count))),
            Self.sizes.contains(bytes.count)
        else { return nil }
        self.bytes = bytes
    }

    /// As it is handed to the receiver.
    public var text: String { Self.prefix + Base64.encode(bytes) }

    /// Not the secret: a description ends up in logs.
    public var description: String { Self.prefix + "…" }
    public var debugDescription: String { description }

    fileprivate var key: AuthenticationKey { AuthenticationKey(bytes) }
}

/// The header `webhook-signature` of Standard Webhooks.
public enum WebhookSignature {
    /// The signatures of a webhook by each of the secrets, `v1,` and Base64 of an HMAC-SHA256 over
    /// `id.timestamp.body`, with blanks between: while a secret is exchanged, its receiver may know either.
    ///
    /// - Parameters:
    ///   - id: of the event, the same at each try. It must have no full stop, or two webhooks could be signed alike.
    ///   - timestamp: of this try, in seconds since 1970.
    public static func value(id: String, timestamp: Int64, body: [UInt8], secrets: [WebhookSecret]) -> String {
        let message = Array("\(id).\(timestamp).".utf8) + body
        return secrets.map { "v1," + Base64.encode($0.key.code(of: message)) }.joined(separator: " ")
    }
}
