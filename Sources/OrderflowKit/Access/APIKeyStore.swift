import Hashing
import JSON
import Messaging
import Postgres

/// The SQL of the API keys.
package enum APIKeyStore {
    /// Keys in force at once, which every role has in memory.
    package static let limit = 100_000

    /// A key as operators see it.
    package struct Listed: Sendable {
        package let name: String
        /// Nil where it acts for any tenant.
        package let tenant: String?
        package let scopes: [String]
        /// Microseconds since the Unix epoch, as all times here.
        package let createdAt: Int64
        package let createdBy: String
        package let expiresAt: Int64?
        package let revokedAt: Int64?
        package let lastUsedAt: Int64?
    }

    /// A key as requests are checked by it.
    struct Known {
        let id: Int64
        let hash: Fingerprint
        let principal: Principal
        /// Seconds since the Unix epoch.
        let end: Int64?
        let isRevoked: Bool
    }

    package enum Refusal: Error, CustomStringConvertible {
        case nameTaken(String)
        case tooMany

        package var description: String {
            switch self {
            case .nameTaken(let name): "there is a key \(name) already: revoke it, or choose another name"
            case .tooMany: "there are \(limit) keys in force, which is the limit: revoke some"
            }
        }
    }

    // MARK: For operators

    /// Keeps a new key's hash, and in the audit log that it was made.
    ///
    /// - Parameter lifetime: seconds; nil for a key that doesn't expire.
    package static func create(
        name: String, tenant: String?, rights: Rights, hash: Fingerprint, lifetime: Int64?, by actor: AuditActor,
        on connection: Connection
    ) throws {
        do {
            try connection.transaction { connection in
                try insert(name, tenant, rights, hash, lifetime, by: actor.shownName, on: connection)
                var detail = JSONWriter()
                detail.object { $0.field("scopes", rights.scopes.joined(separator: " ")) }
                try AuditLog.append(
                    AuditEntry(by: actor, .keyCreated, on: APIKey.subject(name), tenant: tenant, detail: detail.bytes),
                    on: connection)
            }
        } catch let error as PostgresError where error.sqlState == .uniqueViolation {
            throw Refusal.nameTaken(name)
        }
    }

    private static func insert(
        _ name: String, _ tenant: String?, _ rights: Rights, _ hash: Fingerprint, _ lifetime: Int64?,
        by operatorName: String, on connection: Connection
    ) throws {
        let rows = try connection.query(
            """
            INSERT INTO api_keys (name, acts_for, scopes, hash, created_by, expires_at)
            SELECT $1, $2, $3, $4, $5, now() + $6::int8 * interval '1 second'
            WHERE (SELECT count(*) FROM api_keys
                   WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())) < $7::int8
            RETURNING id
            """,
            [
                .text(name), .text(tenant), .textArray(rights.scopes), .bytes(hash.bytes), .text(operatorName),
                .int8(lifetime), .int8(Int64(limit)),
            ])
        guard !rows.isEmpty else { throw Refusal.tooMany }
    }

    /// False where no key of that name is in force.
    package static func revoke(name: String, by actor: AuditActor, on connection: Connection) throws -> Bool {
        try connection.transaction { connection in
            let revoked = try connection.query(
                """
                UPDATE api_keys SET revoked_at = now(), revoked_by = $2, txid = pg_current_xact_id()
                WHERE name = $1 AND revoked_at IS NULL
                RETURNING acts_for
                """, [.text(name), .text(actor.shownName)])
            guard let key = revoked.first else { return false }
            try AuditLog.append(
                AuditEntry(by: actor, .keyRevoked, on: APIKey.subject(name), tenant: try key.get(0)), on: connection)
            return true
        }
    }

    /// A page of keys, the oldest first.
    ///
    /// - Parameters:
    ///   - includingEnded: those too that are revoked or have expired.
    ///   - cursor: the last key of the page before; zero for the first page, and set to this page's last.
    package static func list(
        includingEnded: Bool, after cursor: inout Int64, limit: Int, on connection: Connection
    ) throws -> [Listed] {
        let rows = try connection.query(
            """
            SELECT k.id, k.name, k.acts_for, array_to_string(k.scopes, ' '), \(micros("k.created_at")), k.created_by,
                   \(micros("k.expires_at")), \(micros("k.revoked_at")), \(micros("u.last_used_at"))
            FROM api_keys k LEFT JOIN api_key_uses u ON u.key_id = k.id
            WHERE k.id > $1
              AND ($2 OR (k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())))
            ORDER BY k.id LIMIT $3::int8
            """, [.int8(cursor), .bool(includingEnded), .int8(Int64(limit))])
        if let last = rows.last { cursor = try last.get(0) }
        return try rows.map { row in
            Listed(
                name: try row.get(1), tenant: try row.get(2),
                scopes: try row.get(3, as: String.self).split(separator: " ").map(String.init),
                createdAt: try row.get(4), createdBy: try row.get(5), expiresAt: try row.get(6),
                revokedAt: try row.get(7), lastUsedAt: try row.get(8))
        }
    }

    private static func micros(_ column: String) -> String {
        "(extract(epoch FROM \(column)) * 1000000)::int8"
    }

    // MARK: For the roles

    /// What changed since a snapshot, revoked keys among it; all keys in force without one. And the snapshot to go on from.
    ///
    /// A transaction that commits late is in neither snapshot's past and so is found by the next (`pg_snapshot`), where
    /// a number that counts up would be passed over.
    static func changes(since snapshot: String?, on connection: Connection) throws -> (snapshot: String, keys: [Known])
    {
        let rows =
            if let snapshot {
                try connection.query(
                    """
                    SELECT s.snapshot::text, \(known)
                    FROM (SELECT pg_current_snapshot() AS snapshot) s
                    LEFT JOIN api_keys k ON k.txid >= pg_snapshot_xmin($1::text::pg_snapshot)
                                        AND NOT pg_visible_in_snapshot(k.txid, $1::text::pg_snapshot)
                    """, [.text(snapshot)])
            } else {
                try connection.query(
                    """
                    SELECT s.snapshot::text, \(known)
                    FROM (SELECT pg_current_snapshot() AS snapshot) s
                    LEFT JOIN api_keys k
                           ON k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
                    ORDER BY k.id LIMIT $1::int8
                    """, [.int8(Int64(limit))])
            }
        var keys: [Known] = []
        for row in rows {
            guard let id = try row.get(1, as: Int64?.self), let hash = Fingerprint(bytes: try row.get(5)) else {
                continue
            }
            let scopes = try row.get(4, as: String.self).split(separator: " ")
            let end: Int64? = try row.get(6)
            keys.append(
                Known(
                    id: id, hash: hash,
                    principal: Principal(
                        .key, subject: APIKey.subject(try row.get(2)), tenant: try row.get(3),
                        rights: Rights(scopes: scopes), end: end ?? .max),
                    end: end, isRevoked: try row.get(7)))
        }
        return (try rows[0].get(0), keys)
    }

    private static let known = """
        k.id, k.name, k.acts_for, array_to_string(k.scopes, ' '), k.hash, ceil(extract(epoch FROM k.expires_at))::int8,
        k.revoked_at IS NOT NULL
        """

    /// Notes when keys were last used, in one statement.
    ///
    /// - Parameter uses: seconds since the Unix epoch by the key's id.
    static func note(_ uses: [Int64: Int64], on connection: Connection) throws {
        // In one order everywhere: two roles that wrote the same rows in opposite orders would wait for each other.
        let sorted = uses.sorted { $0.key < $1.key }
        try connection.execute(
            """
            INSERT INTO api_key_uses AS u (key_id, last_used_at)
            SELECT id, to_timestamp(at) FROM unnest($1::int8[], $2::int8[]) AS used (id, at)
            ON CONFLICT (key_id) DO UPDATE SET last_used_at = EXCLUDED.last_used_at
            WHERE u.last_used_at < EXCLUDED.last_used_at
            """, [.int8Array(sorted.map(\.key)), .int8Array(sorted.map(\.value))])
    }
}
