import Execution
import HTTPServer
import Hashing
import OrderflowKit
import Postgres
import Sealing

/// Keeps the secrets of endpoints sealed in the database. The key that opens them is in a table that nobody sees who
/// answers requests; those seal by its public half, which the process tells them.
final class SecretVault: Sendable {
    static let schema = """
        CREATE TABLE secret_keys (
            public_key  bytea PRIMARY KEY,
            private_key bytea NOT NULL,
            made_at     timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        """
    private static let purpose = "orderflow webhook secret"
    private static let keyIDSize = 8
    /// Opened secrets that are remembered; beyond it all are forgotten, and opened anew as they are needed.
    private static let memory = 10_000

    private struct State {
        var sealing: SealingKey?
        var opening: [OpeningKey] = []
        /// By what was sealed, and for whom: another one's is opened for nobody.
        var opened: [[UInt8]: WebhookSecret] = [:]
    }

    private let state = Monitor(State())

    /// Whether secrets can be sealed yet.
    var isReady: Bool { state.withLock { $0.sealing != nil } }

    /// Reads the keys, as a daemon, and makes the first one where there is none.
    func load(on connection: Connection) throws {
        let keys = try connection.transaction { connection in
            try connection.transactionLock(Connection.advisoryKey("orderflow webhook secret keys"))
            let known = try Self.keys(on: connection)
            if !known.isEmpty { return known }
            let key = OpeningKey()
            _ = try connection.execute(
                "INSERT INTO secret_keys (public_key, private_key) VALUES ($1, $2)",
                [.bytes(key.publicKey), .bytes(key.privateBytes)])
            return [key]
        }
        guard let newest = keys.first, let sealing = SealingKey(publicKey: newest.publicKey, purpose: Self.purpose)
        else { throw UnreadableKey() }
        state.withLock {
            $0.sealing = sealing
            $0.opening = keys
        }
    }

    private struct UnreadableKey: Error, CustomStringConvertible {
        let description = "a row of secret_keys holds no key"
    }

    private static func keys(on connection: Connection) throws -> [OpeningKey] {
        try connection.query("SELECT private_key FROM secret_keys ORDER BY made_at DESC").compactMap { row in
            OpeningKey(privateBytes: try row.get(0, as: [UInt8].self))
        }
    }

    /// For one endpoint of one tenant. Answered 503 while the process hasn't read the key.
    func seal(_ secret: WebhookSecret, tenant: String, endpoint: String) throws(HTTPProblem) -> [UInt8] {
        guard let key = state.withLock({ $0.sealing }) else {
            throw HTTPProblem(
                .serviceUnavailable, title: "Starting", detail: "the key that secrets are sealed by isn't read yet",
                headers: [Unavailable.retryAfter])
        }
        return Array(key.publicKey.prefix(Self.keyIDSize))
            + key.seal(Array(secret.text.utf8), for: Self.owner(tenant, endpoint))
    }

    /// Nil where it was sealed for another endpoint, or for a key that isn't here: a restored database may lack it.
    func open(_ sealed: [UInt8], tenant: String, endpoint: String) -> WebhookSecret? {
        let owner = Self.owner(tenant, endpoint)
        let place = sealed + owner
        let (known, keys) = state.withLock { ($0.opened[place], $0.opening) }
        if let known { return known }
        guard let key = keys.first(where: { $0.publicKey.prefix(Self.keyIDSize) == sealed.prefix(Self.keyIDSize) }),
            let text = key.open(
                Array(sealed.dropFirst(Self.keyIDSize)), purpose: Self.purpose, for: owner),
            let secret = String(validating: text, as: UTF8.self).flatMap({ WebhookSecret(text: $0) })
        else { return nil }
        state.withLock { state in
            if state.opened.count >= Self.memory { state.opened = [:] }
            state.opened[place] = secret
        }
        return secret
    }

    private static func owner(_ tenant: String, _ endpoint: String) -> [UInt8] {
        // No tenant has a NUL in it.
        Array(tenant.utf8) + [0] + endpoint.utf8
    }
}
