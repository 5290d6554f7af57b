import Hashing
import Messaging
import OrderflowKit
import Orders
import Postgres

/// The `endpoints` table, and of `queues` what its tenant may change.
package enum EndpointStore {
    /// Whether nobody has any.
    static func isEmpty(on connection: Connection) throws -> Bool {
        try connection.query("SELECT NOT EXISTS (SELECT FROM endpoints WHERE state <> 'deleted')")
            .one().get(0, as: Bool.self)
    }

    /// Those of the tenants that have endpoints.
    static func tenants(among tenants: Set<String>, on connection: Connection) throws -> Set<String> {
        Set(
            try connection.query(
                """
                SELECT tenant FROM unnest($1::text[]) AS t (tenant)
                WHERE EXISTS (SELECT 1 FROM endpoints e WHERE e.tenant = t.tenant AND e.state <> 'deleted')
                """, [.textArray(tenants.sorted())]
            ).map { try $0.get(0, as: String.self) })
    }

    /// More than a tenant may have.
    struct TooMany: Error, Hashable, Sendable {
        let limit: Int
    }

    /// - Parameter seal: of the secret, for the endpoint's id.
    static func add(
        _ id: String, tenant: String, url: String, types: [String], secret: [UInt8], limit: Int,
        by actor: AuditActor, on connection: Connection
    ) throws -> Endpoint {
        try connection.transaction { connection in
            try connection.transactionLock(Connection.advisoryKey("orderflow webhooks of \(tenant)"))
            let count = try connection.query(
                "SELECT count(*) FROM endpoints WHERE tenant = $1 AND state <> 'deleted'", [.text(tenant)]
            ).one().get(0, as: Int.self)
            guard count < limit else { throw TooMany(limit: limit) }
            _ = try connection.execute(
                """
                WITH added AS (
                    INSERT INTO endpoints (tenant, id, url, types, secret) VALUES ($1, $2, $3, $4, $5)
                    RETURNING number, tenant)
                INSERT INTO queues (endpoint, tenant) SELECT number, tenant FROM added
                """, [.text(tenant), .text(id), .text(url), .textArray(types), .bytes(secret)])
            try note(.webhookCreated, id, tenant, actor, on: connection)
            return try required(id, tenant: tenant, on: connection)
        }
    }

    package static func one(_ id: String, tenant: String, on connection: Connection) throws -> Endpoint? {
        try connection.query(
            """
            SELECT \(Endpoint.columns) FROM endpoints e JOIN queues q ON q.endpoint = e.number
            WHERE e.tenant = $1 AND e.id = $2 AND e.state <> 'deleted'
            """, [.text(tenant), .text(id)]
        ).first.map { try Endpoint($0) }
    }

    private static func required(_ id: String, tenant: String, on connection: Connection) throws -> Endpoint {
        guard let endpoint = try one(id, tenant: tenant, on: connection) else { throw NoSuchEndpoint(id: id) }
        return endpoint
    }

    /// At most `limit` endpoints, the oldest first.
    package static func page(
        tenant: String, after cursor: ListCursor?, limit: Int, on connection: Connection
    ) throws -> [Endpoint] {
        try connection.query(
            """
            SELECT \(Endpoint.columns) FROM endpoints e JOIN queues q ON q.endpoint = e.number
            WHERE e.tenant = $1 AND e.state <> 'deleted'
                AND ($2::timestamptz IS NULL OR (e.created_at, e.id) > ($2, $3))
            ORDER BY e.created_at, e.id LIMIT $4
            """,
            [
                .text(tenant), .timestamp(cursor.map { Timestamp(microseconds: $0.createdAt) }),
                .text(cursor?.id ?? ""), .int(limit),
            ]
        ).map { try Endpoint($0) }
    }

    // MARK: Changes

    /// Nil leaves what there is.
    static func change(
        _ id: String, tenant: String, url: String?, types: [String]?, by actor: AuditActor, on connection: Connection
    ) throws -> Endpoint {
        try change(.webhookChanged, id, tenant, actor, on: connection) { connection in
            try connection.execute(
                """
                UPDATE endpoints SET url = COALESCE($3, url), types = COALESCE($4::text[], types), changed_at = now()
                WHERE tenant = $1 AND id = $2 AND state <> 'deleted'
                """,
                [.text(tenant), .text(id), .text(url), types.map { .textArray($0) } ?? .null])
        }
    }

    /// The former secret signs too for `window`.
    static func rotate(
        _ id: String, tenant: String, to secret: [UInt8], window: Duration, by actor: AuditActor,
        on connection: Connection
    ) throws -> Endpoint {
        try change(.webhookSecretRotated, id, tenant, actor, on: connection) { connection in
            try connection.execute(
                """
                UPDATE endpoints SET former_secret = secret, former_until = now() + make_interval(secs => $4),
                    secret = $3, changed_at = now()
                WHERE tenant = $1 AND id = $2 AND state <> 'deleted'
                """, [.text(tenant), .text(id), .bytes(secret), .float8(window / .seconds(1))])
        }
    }

    package static func pause(
        _ id: String, tenant: String, by actor: AuditActor, on connection: Connection
    ) throws -> Endpoint {
        try change(.webhookPaused, id, tenant, actor, on: connection) { connection in
            try connection.execute(
                """
                UPDATE endpoints SET state = 'paused', reason = NULL, changed_at = now()
                WHERE tenant = $1 AND id = $2 AND state <> 'deleted'
                """, [.text(tenant), .text(id)])
        }
    }

    /// What waits is sent from where it stopped, at once and with all of its time for tries.
    package static func resume(
        _ id: String, tenant: String, by actor: AuditActor, on connection: Connection
    ) throws -> Endpoint {
        try change(.webhookResumed, id, tenant, actor, on: connection) { connection in
            let changed = try connection.execute(
                """
                UPDATE endpoints SET state = 'active', reason = NULL, changed_at = now()
                WHERE tenant = $1 AND id = $2 AND state <> 'deleted'
                """, [.text(tenant), .text(id)])
            _ = try connection.execute(
                """
                UPDATE queues SET failures = 0, failing_since = NULL, not_before = NULL
                FROM endpoints e WHERE e.number = endpoint AND e.tenant = $1 AND e.id = $2
                """, [.text(tenant), .text(id)])
            _ = try connection.execute(
                """
                UPDATE deliveries d SET next_at = '-infinity', tries = 0, first_tried_at = NULL
                FROM endpoints e
                WHERE e.number = d.endpoint AND e.tenant = $1 AND e.id = $2 AND d.state = 'pending' AND d.tries > 0
                """, [.text(tenant), .text(id)])
            return changed
        }
    }

    /// Its rows go in the background.
    package static func delete(_ id: String, tenant: String, by actor: AuditActor, on connection: Connection) throws {
        try connection.transaction { connection in
            let changed = try connection.execute(
                """
                UPDATE endpoints SET state = 'deleted', changed_at = now()
                WHERE tenant = $1 AND id = $2 AND state <> 'deleted'
                """, [.text(tenant), .text(id)])
            guard changed > 0 else { throw NoSuchEndpoint(id: id) }
            try note(.webhookDeleted, id, tenant, actor, on: connection)
        }
    }

    /// Where a replay begins.
    package enum Start: Sendable, Hashable {
        /// Microseconds since the Unix epoch: when facts were heard.
        case time(Int64)
        case position(Int64)
    }

    /// Has the kept facts from `start` to now queued again for this endpoint. Returns how many facts of the tenant those
    /// are, of whatever type.
    package static func replay(
        _ id: String, tenant: String, from start: Start, by actor: AuditActor, on connection: Connection
    ) throws -> Int {
        try connection.transaction { connection in
            let endpoint = try required(id, tenant: tenant, on: connection)
            let first: Int64
            switch start {
            case .position(let position): first = position
            case .time(let time):
                first = try connection.query(
                    """
                    SELECT COALESCE(min(position), 9223372036854775807) FROM facts
                    WHERE tenant = $1 AND heard_at >= $2
                    """, [.text(tenant), .timestamp(time)]
                ).one().get(0)
            }
            let found = try connection.query(
                "SELECT count(*), min(position), max(position) FROM facts WHERE tenant = $1 AND position >= $2",
                [.text(tenant), .int8(first)]
            ).one()
            guard let from = try found.get(1, as: Int64?.self), let to = try found.get(2, as: Int64?.self) else {
                return 0
            }
            _ = try connection.execute(
                """
                UPDATE queues SET replay_next = LEAST(replay_next, $2), replay_to = GREATEST(replay_to, $3)
                WHERE endpoint = $1
                """, [.int8(endpoint.number), .int8(from), .int8(to)])
            try note(.webhookReplayed, id, tenant, actor, on: connection)
            return try found.get(0)
        }
    }

    private static func change(
        _ act: AuditAct, _ id: String, _ tenant: String, _ actor: AuditActor, on connection: Connection,
        _ body: (Connection) throws -> Int
    ) throws -> Endpoint {
        try connection.transaction { connection in
            guard try body(connection) > 0 else { throw NoSuchEndpoint(id: id) }
            try note(act, id, tenant, actor, on: connection)
            return try required(id, tenant: tenant, on: connection)
        }
    }

    private static func note(
        _ act: AuditAct, _ id: String, _ tenant: String, _ actor: AuditActor, on connection: Connection
    ) throws {
        try AuditLog.append(AuditEntry(by: actor, act, on: id, tenant: tenant), on: connection)
    }
}

/// The tenant has none of that id.
package struct NoSuchEndpoint: Error, Hashable, Sendable, CustomStringConvertible {
    package let id: String

    package init(id: String) { self.id = id }

    package var description: String { "there is no webhook \(id)" }
}

extension AuditAct {
    static let webhookCreated = AuditAct(rawValue: "webhooks.create")
    static let webhookChanged = AuditAct(rawValue: "webhooks.change")
    static let webhookSecretRotated = AuditAct(rawValue: "webhooks.rotate-secret")
    static let webhookPaused = AuditAct(rawValue: "webhooks.pause")
    static let webhookResumed = AuditAct(rawValue: "webhooks.resume")
    static let webhookReplayed = AuditAct(rawValue: "webhooks.replay")
    static let webhookDeleted = AuditAct(rawValue: "webhooks.delete")
}
