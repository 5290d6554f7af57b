import Orders
import Postgres

/// What has come of sends, on its way into the tables: all of a round in one transaction.
struct DeliverySettlement: Sendable {
    struct Accepted: Sendable {
        let endpoint: Int64
        let fact: Int64
        let round: Int
        let status: Int
    }

    struct Failed: Sendable {
        let endpoint: Int64
        let fact: Int64
        let round: Int
        let status: Int?
        let reason: String
        let nextAt: Int64
    }

    /// How an endpoint fares after the round.
    struct Standing: Sendable {
        let endpoint: Int64
        var failures: Int
        var failingSince: Int64?
        var notBefore: Int64?
        /// Something, in this round.
        var hasAccepted: Bool
        /// Its circuit was open before.
        var wasOpen: Bool
        var lastStatus: Int?
        var lastError: String?
        /// Nil goes on.
        var suspendedFor: String?
    }

    var accepted: [Accepted] = []
    var failed: [Failed] = []
    var standings: [Standing] = []

    var isEmpty: Bool { accepted.isEmpty && failed.isEmpty && standings.isEmpty }

    /// Bytes of a reason that are kept.
    static let reasonLimit = 300

    func store(holder: String, at now: Int64, on connection: Connection) throws {
        guard !isEmpty else { return }
        try connection.transaction { connection in
            try storeAccepted(now, connection)
            try storeFailed(now, connection)
            try storeStandings(holder, now, connection)
            try suspend(now, connection)
        }
    }

    private func storeAccepted(_ now: Int64, _ connection: Connection) throws {
        guard !accepted.isEmpty else { return }
        _ = try connection.execute(
            """
            UPDATE deliveries d SET state = 'delivered', tries = tries + 1, last_status = s.status, last_error = NULL,
                first_tried_at = COALESCE(first_tried_at, $5), done_at = $5,
                accepted = COALESCE(accepted, nextval('acceptances'))
            FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::int[]) AS s (endpoint, fact, round, status)
            WHERE d.endpoint = s.endpoint AND d.fact = s.fact AND d.round = s.round AND d.state = 'pending'
            """,
            [
                .int8Array(accepted.map(\.endpoint)), .int8Array(accepted.map(\.fact)),
                .int4Array(accepted.map { Int32(clamping: $0.round) }),
                .int4Array(accepted.map { Int32(clamping: $0.status) }), .timestamp(now),
            ])
    }

    private func storeFailed(_ now: Int64, _ connection: Connection) throws {
        guard !failed.isEmpty else { return }
        _ = try connection.execute(
            """
            UPDATE deliveries d SET tries = tries + 1, last_status = NULLIF(s.status, 0), last_error = s.reason,
                first_tried_at = COALESCE(first_tried_at, $7), next_at = s.next_at
            FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::int[], $5::text[], $6::timestamptz[])
                AS s (endpoint, fact, round, status, reason, next_at)
            WHERE d.endpoint = s.endpoint AND d.fact = s.fact AND d.round = s.round AND d.state = 'pending'
            """,
            [
                .int8Array(failed.map(\.endpoint)), .int8Array(failed.map(\.fact)),
                .int4Array(failed.map { Int32(clamping: $0.round) }),
                .int4Array(failed.map { Int32(clamping: $0.status ?? 0) }),
                .textArray(failed.map { $0.reason.fitted(to: Self.reasonLimit) }),
                .timestampArray(failed.map(\.nextAt)), .timestamp(now),
            ])
    }

    /// Of endpoints that are this process's yet: another one knows better of the rest.
    private func storeStandings(_ holder: String, _ now: Int64, _ connection: Connection) throws {
        guard !standings.isEmpty else { return }
        _ = try connection.execute(
            """
            UPDATE queues q SET failures = s.failures, failing_since = s.failing_since, not_before = s.not_before,
                accepted_at = CASE WHEN s.accepted THEN $9 ELSE q.accepted_at END,
                last_status = NULLIF(s.status, 0), last_error = s.error, last_at = $9
            FROM unnest($2::bigint[], $3::int[], $4::timestamptz[], $5::timestamptz[], $6::boolean[], $7::int[],
                        $8::text[]) AS s (endpoint, failures, failing_since, not_before, accepted, status, error)
            WHERE q.endpoint = s.endpoint AND q.holder = $1
            """,
            [
                .text(holder), .int8Array(standings.map(\.endpoint)),
                .int4Array(standings.map { Int32(clamping: $0.failures) }),
                .timestampArrayOptional(standings.map(\.failingSince)),
                .timestampArrayOptional(standings.map(\.notBefore)), .boolArray(standings.map(\.hasAccepted)),
                .int4Array(standings.map { Int32(clamping: $0.lastStatus ?? 0) }),
                .textArrayOptional(standings.map { $0.lastError?.fitted(to: Self.reasonLimit) }), .timestamp(now),
            ])
        // What had failed with the rest of its endpoint needn't wait for its own pause once something is accepted.
        let well = standings.filter { $0.hasAccepted && $0.wasOpen }
        guard !well.isEmpty else { return }
        _ = try connection.execute(
            """
            UPDATE deliveries SET next_at = $2
            WHERE endpoint = ANY($1) AND state = 'pending' AND next_at > $2 AND tries > 0
            """, [.int8Array(well.map(\.endpoint)), .timestamp(now)])
    }

    private func suspend(_ now: Int64, _ connection: Connection) throws {
        let ended = standings.filter { $0.suspendedFor != nil }
        guard !ended.isEmpty else { return }
        _ = try connection.execute(
            """
            UPDATE endpoints e SET state = 'suspended', reason = s.reason, changed_at = $3
            FROM unnest($1::bigint[], $2::text[]) AS s (endpoint, reason)
            WHERE e.number = s.endpoint AND e.state = 'active'
            """,
            [
                .int8Array(ended.map(\.endpoint)),
                .textArray(ended.map { ($0.suspendedFor ?? "").fitted(to: Self.reasonLimit) }), .timestamp(now),
            ])
    }
}
