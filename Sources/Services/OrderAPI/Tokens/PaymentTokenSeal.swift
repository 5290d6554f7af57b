import OrderflowKit
import Postgres
import Sealing

/// Seals payment tokens at the door: what the API keeps of one only payment can open, and it is forgotten when the order
/// has ended.
///
/// The keys are made by `orderflow migrate`: the public one is in the orders' database, the private one in payment's.
package struct PaymentTokenSeal: Sendable {
    private let key: SealingKey

    static let schema = """
        -- The newest seals.
        CREATE TABLE token_keys (
            public_key bytea PRIMARY KEY,
            made_at    timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        """

    /// Nil where there is no key yet.
    static func load(on connection: Connection) throws -> PaymentTokenSeal? {
        let rows = try connection.query("SELECT public_key FROM token_keys ORDER BY made_at DESC LIMIT 1")
        guard let row = rows.first else { return nil }
        return SealingKey(publicKey: try row.get(0, as: [UInt8].self), purpose: SealedToken.purpose)
            .map { PaymentTokenSeal(key: $0) }
    }

    /// Seals with this key from now on.
    package static func take(_ publicKey: [UInt8], on connection: Connection) throws {
        _ = try connection.execute(
            "INSERT INTO token_keys (public_key) VALUES ($1) ON CONFLICT DO NOTHING", [.bytes(publicKey)])
    }

    func seal(_ token: String, of order: OrderKey) -> [UInt8] {
        SealedToken.seal(token, tenant: order.tenant, orderID: order.orderID, with: key)
    }
}
