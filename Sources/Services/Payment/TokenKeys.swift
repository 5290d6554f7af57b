import Execution
import Hashing
import Messaging
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

    /// Another key, which `announce` has seal from now on; those before it open what they have sealed.
    package static func rotate(
        by actor: AuditActor, note: String?, on connection: Connection,
        announce: (_ publicKey: [UInt8]) throws -> Void
    ) throws -> [UInt8] {
        let publicKey = try connection.transaction { connection in
            try lock(connection)
            let publicKey = try make(on: connection)
            try AuditLog.append(
                [AuditEntry(by: actor, .tokenKeyRotated, on: name(of: publicKey), reason: note)], on: connection)
            return publicKey
        }
        try announce(publicKey)
        return publicKey
    }

    /// A key, and how many orders' tokens it has to open yet.
    package struct Listed: Sendable {
        package let publicKey: [UInt8]
        /// Microseconds since the Unix epoch.
        package let madeAt: Int64
        /// When the next one was made; nil for the newest.
        package let supersededAt: Int64?
        package let tokens: Int64

        package var name: String { TokenKeys.name(of: publicKey) }
    }

    /// The newest first.
    ///
    /// - Parameter uses: tokens elsewhere by the ids of their keys, counted before this is called: a token comes here before
    ///   it is forgotten there.
    package static func list(_ uses: [[UInt8]: Int64], on connection: Connection) throws -> [Listed] {
        var uses = uses
        for row in try connection.query(
            """
            SELECT substring(sealed_token FROM 1 FOR \(SealedToken.keyIDSize)), count(*) FROM payments
            WHERE sealed_token IS NOT NULL GROUP BY 1
            """)
        { uses[try row.get(0, as: [UInt8].self), default: 0] += try row.get(1, as: Int64.self) }
        return try connection.query(
            """
            SELECT public_key, made_at, lead(made_at) OVER (ORDER BY made_at) FROM token_keys ORDER BY made_at DESC
            """
        ).map { row in
            let publicKey = try row.get(0, as: [UInt8].self)
            return Listed(
                publicKey: publicKey, madeAt: try row.get(1, as: Timestamp.self).microseconds,
                supersededAt: try row.get(2, as: Timestamp?.self)?.microseconds,
                tokens: uses[SealedToken.keyID(of: publicKey)] ?? 0)
        }
    }

    /// How long a superseded key is kept at least: a process may seal with it for a minute yet, and one that was frozen
    /// longer.
    package static let keptFor: Duration = .seconds(24 * 3600)

    /// Drops those of `keys` that open nothing any more, and returns them.
    package static func drop(
        _ keys: [Listed], by actor: AuditActor, note: String?, at now: Int64, on connection: Connection
    ) throws -> [Listed] {
        let unused = keys.filter { key in
            guard key.tokens == 0, let end = key.supersededAt else { return false }
            return end.addingReportingOverflow(keptFor.components.seconds * 1_000_000).partialValue < now
        }
        guard !unused.isEmpty else { return [] }
        try connection.transaction { connection in
            try lock(connection)
            for key in unused {
                _ = try connection.execute("DELETE FROM token_keys WHERE public_key = $1", [.bytes(key.publicKey)])
            }
            try AuditLog.append(
                unused.map { AuditEntry(by: actor, .tokenKeysDropped, on: $0.name, reason: note) }, on: connection)
        }
        return unused
    }

    /// As operators see it.
    package static func name(of publicKey: [UInt8]) -> String { Hexadecimal.text(SealedToken.keyID(of: publicKey)) }

    private static func lock(_ connection: Connection) throws {
        try connection.transactionLock(Connection.advisoryKey("orderflow payment token keys"))
    }

    private static func make(on connection: Connection) throws -> [UInt8] {
        let key = OpeningKey()
        _ = try connection.execute(
            "INSERT INTO token_keys (public_key, private_key) VALUES ($1, $2)",
            [.bytes(key.publicKey), .bytes(key.privateBytes)])
        return key.publicKey
    }

    /// Makes one where there is none, and has `announce` tell who seals tokens of the newest. Safe to run again, and at
    /// the same time from several machines.
    package static func prepare(on connection: Connection, announce: (_ publicKey: [UInt8]) throws -> Void) throws {
        let publicKey = try connection.transaction { connection in
            try lock(connection)
            if let row = try connection.query(
                "SELECT public_key FROM token_keys ORDER BY made_at DESC LIMIT 1"
            ).first {
                return try row.get(0, as: [UInt8].self)
            }
            return try make(on: connection)
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
