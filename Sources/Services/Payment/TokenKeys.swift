import Execution
import Orders
import OrderflowKit
import Postgres
import Sealing

/// The keys that payment tokens are sealed for; nobody else has their private halves.
package enum TokenKeys {
    static let schema = """
        CREATE TABLE token_keys (
            public_key  bytea PRIMARY KEY,
            private_key bytea NOT NULL,
            made_at     timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        """

    static func load(on connection: Connection) throws -> [OpeningKey] {
        try connection.query("SELECT private_key FROM token_keys").compactMap { row in
            OpeningKey(privateBytes: try row.get(0, as: [UInt8].self))
        }
    }

    /// Makes one where there is none, and has `announce` tell who seals tokens of the newest. Safe to run again, and at
    /// the same time from several machines.
    package static func prepare(on connection: Connection, announce: (_ publicKey: [UInt8]) throws -> Void) throws {
        let publicKey = try connection.transaction { connection in
            try connection.transactionLock(Connection.advisoryKey("orderflow payment token keys"))
            if let row = try connection.query(
                "SELECT public_key FROM token_keys ORDER BY made_at DESC LIMIT 1"
            ).first {
                return try row.get(0, as: [UInt8].self)
            }
            let key = OpeningKey()
            _ = try connection.execute(
                "INSERT INTO token_keys (public_key, private_key) VALUES ($1, $2)",
                [.bytes(key.publicKey), .bytes(key.privateBytes)])
            return key.publicKey
        }
        // After the private half is on disk: nothing is sealed that nobody can open.
        try announce(publicKey)
    }
}

/// Opens tokens for the calls of the gateway.
final class TokenVault: Sendable {
    /// What a call is made with.
    enum Opened: Hashable, Sendable {
        case none
        case text(String)
        /// Sealed for a key that isn't here: a restored database may lack it, and get it back.
        case keyMissing
        /// No token of this order.
        case broken
    }

    private let keys = Monitor<[OpeningKey]>([])

    func open(_ token: PaymentProcess.Token, of order: OrderKey, on connection: Connection) throws -> Opened {
        switch token {
        case .none, .awaited: return .none
        case .readable(let text): return .text(text)
        case .sealed(let sealed):
            guard let key = try key(of: sealed, on: connection) else { return .keyMissing }
            return SealedToken.open(sealed, tenant: order.tenant, orderID: order.orderID, with: key)
                .map { .text($0) } ?? .broken
        }
    }

    private func key(of sealed: [UInt8], on connection: Connection) throws -> OpeningKey? {
        if let key = SealedToken.key(of: sealed, in: keys.withLock { $0 }) { return key }
        let read = try TokenKeys.load(on: connection)
        keys.withLock { $0 = read }
        return SealedToken.key(of: sealed, in: read)
    }
}
