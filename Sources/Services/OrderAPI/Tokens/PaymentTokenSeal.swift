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

    /// Seals with this key from now on, whatever came after it: a database that was restored may know a later one.
    package static func take(_ publicKey: [UInt8], on connection: Connection) throws {
        _ = try connection.execute(
            """
            INSERT INTO token_keys (public_key) VALUES ($1)
            ON CONFLICT (public_key) DO UPDATE SET made_at = clock_timestamp()
            WHERE token_keys.made_at < (SELECT max(made_at) FROM token_keys)
            """, [.bytes(publicKey)])
    }

    /// How many sealed tokens there are for each key, by its id (`SealedToken.keyID`), and the key that seals now.
    package static func uses(
        on connection: Connection
    ) throws -> (counts: [[UInt8]: Int64], sealing: [UInt8]?) {
        let rows = try connection.query(
            "SELECT substring(secret FROM 1 FOR \(SealedToken.keyIDSize)), count(*) FROM stream_secrets GROUP BY 1")
        var counts: [[UInt8]: Int64] = [:]
        for row in rows { counts[try row.get(0, as: [UInt8].self)] = try row.get(1, as: Int64.self) }
        return (counts, try load(on: connection)?.key.publicKey)
    }

    func seal(_ token: String, of order: OrderKey) -> [UInt8] {
        SealedToken.seal(token, tenant: order.tenant, orderID: order.orderID, with: key)
    }
}
