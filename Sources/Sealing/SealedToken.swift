/// How an order's payment token is sealed, and by whom opened: once for payment, and once more for its way over a topic,
/// with a key that payment makes for the one order and drops afterwards.
public enum SealedToken {
    public static let purpose = "orderflow payment token"
    private static let transfer = "orderflow payment token on its way"
    /// Bytes of a key's id, which a sealed token begins with.
    public static let keyIDSize = 8

    public static func keyID(of publicKey: [UInt8]) -> [UInt8] { Array(publicKey.prefix(keyIDSize)) }

    /// For payment. The key is named in front, so that payment may have several.
    public static func seal(_ token: String, tenant: String, orderID: String, with key: SealingKey) -> [UInt8] {
        keyID(of: key.publicKey) + key.seal(Array(token.utf8), for: order(tenant, orderID))
    }

    /// The key that a token was sealed for; nil where `keys` hasn't it.
    public static func key(of sealed: [UInt8], in keys: [OpeningKey]) -> OpeningKey? {
        keys.first { $0.publicKey.prefix(keyIDSize) == sealed.prefix(keyIDSize) }
    }

    /// Nil where it is no token of this order that was sealed for `key`.
    public static func open(_ sealed: [UInt8], tenant: String, orderID: String, with key: OpeningKey) -> String? {
        key.open(Array(sealed.dropFirst(keyIDSize)), purpose: purpose, for: order(tenant, orderID))
            .flatMap { String(validating: $0, as: UTF8.self) }
    }

    /// For its way over a topic. Nil for a key that is none.
    public static func wrap(_ sealed: [UInt8], tenant: String, orderID: String, for publicKey: [UInt8]) -> [UInt8]? {
        SealingKey(publicKey: publicKey, purpose: transfer)?.seal(sealed, for: order(tenant, orderID))
    }

    public static func unwrap(_ wrapped: [UInt8], tenant: String, orderID: String, with key: OpeningKey) -> [UInt8]? {
        key.open(wrapped, purpose: transfer, for: order(tenant, orderID))
    }

    private static func order(_ tenant: String, _ orderID: String) -> [UInt8] {
        // No tenant has a NUL in it.
        Array(tenant.utf8) + [0] + orderID.utf8
    }
}
