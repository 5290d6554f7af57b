import Postgres

/// What the worker reads and writes: who works for which endpoint, what is to be sent next, and what has come of it.
///
/// Times are those of the caller's clock, in microseconds since the Unix epoch.
enum DeliveryStore {
    /// An endpoint that this process works for.
    struct Claimed: Sendable {
        let endpoint: Int64
        let failures: Int
        let failingSince: Int64?
        let hasAccepted: Bool
    }

    /// A fact that is next of its order at an endpoint.
    struct Head: Sendable {
        let endpoint: Int64
        let fact: Int64
        let round: Int
        let tries: Int
        let firstTriedAt: Int64?
        let isReplay: Bool
        let tenant: String
        let endpointID: String
        let url: String
        let secret: [UInt8]
        /// Where it signs too, yet.
        let formerSecret: [UInt8]?
        let webhookID: String
        let type: String
        let body: [UInt8]
    }

    /// The order of an endpoint is kept here and nowhere else: what is sent is pending with nothing of its order pending
    /// before it, as committed. Who holds the endpoint, and for how long, only keeps things from being sent twice.
    private static let isNext = """
        d.state = 'pending' AND d.next_at <= $2 AND (q.replay_next IS NULL OR d.fact < q.replay_next)
        AND NOT EXISTS (SELECT 1 FROM deliveries before
                        WHERE before.endpoint = d.endpoint AND before.order_key = d.order_key
                            AND before.state = 'pending' AND before.fact < d.fact)
        """

    /// Takes up to `limit` endpoints that have something to be sent now, those first that have waited longest for their
    /// turn.
    ///
    /// - Parameters:
    ///   - failing: those alone that have accepted nothing lately, or those alone that have.
    ///   - woken: of these; nil looks at all that have something pending.
    static func claim(
        limit: Int, failing: Bool, among woken: [Int64]?, holder: String, at now: Int64, until end: Int64,
        on connection: Connection
    ) throws -> [Claimed] {
        guard limit > 0, woken?.isEmpty != true else { return [] }
        // Without a list the index of what is pending is walked from endpoint to endpoint.
        let waiting =
            woken != nil
            ? "waiting (endpoint) AS (SELECT * FROM unnest($6::bigint[]))"
            : """
            waiting (endpoint) AS (
                (SELECT endpoint FROM deliveries WHERE state = 'pending' ORDER BY endpoint LIMIT 1)
                UNION ALL
                SELECT (SELECT endpoint FROM deliveries
                        WHERE state = 'pending' AND endpoint > waiting.endpoint ORDER BY endpoint LIMIT 1)
                FROM waiting WHERE waiting.endpoint IS NOT NULL)
            """
        return try connection.query(
            """
            WITH RECURSIVE \(waiting),
            due AS (
                SELECT q.endpoint FROM waiting JOIN queues q USING (endpoint) JOIN endpoints e ON e.number = q.endpoint
                WHERE e.state = 'active' AND (q.failures > 0) = $5 AND (q.not_before IS NULL OR q.not_before <= $2)
                    AND (q.held_until IS NULL OR q.held_until <= $2)
                    AND EXISTS (SELECT 1 FROM deliveries d WHERE d.endpoint = q.endpoint AND \(isNext))
                ORDER BY q.turn LIMIT $4 FOR UPDATE OF q SKIP LOCKED)
            UPDATE queues SET holder = $1, held_until = $3, turn = $2 FROM due WHERE queues.endpoint = due.endpoint
            RETURNING queues.endpoint, failures, failing_since, accepted_at IS NOT NULL
            """,
            [
                .text(holder), .timestamp(now), .timestamp(end), .int(limit), .bool(failing),
            ] + (woken.map { [.int8Array($0)] } ?? [])
        ).map { row in
            Claimed(
                endpoint: try row.get(0), failures: Int(try row.get(1, as: Int32.self)),
                failingSince: try row.get(2, as: Timestamp?.self)?.microseconds, hasAccepted: try row.get(3))
        }
    }

    /// Keeps what this process holds. Returns those that it still held.
    static func renew(
        _ endpoints: [Int64], holder: String, until end: Int64, on connection: Connection
    ) throws -> Set<Int64> {
        guard !endpoints.isEmpty else { return [] }
        return Set(
            try connection.query(
                "UPDATE queues SET held_until = $3 WHERE endpoint = ANY($2) AND holder = $1 RETURNING endpoint",
                [.text(holder), .int8Array(endpoints), .timestamp(end)]
            ).map { try $0.get(0, as: Int64.self) })
    }

    /// Lets others have endpoints at once.
    static func release(_ endpoints: [Int64], holder: String, on connection: Connection) throws {
        guard !endpoints.isEmpty else { return }
        _ = try connection.execute(
            "UPDATE queues SET holder = NULL, held_until = NULL WHERE endpoint = ANY($2) AND holder = $1",
            [.text(holder), .int8Array(endpoints)])
    }

    /// What is next at these endpoints, as much of each as it has room for, besides what is under way.
    static func heads(
        _ wanted: [(endpoint: Int64, room: Int)], besides busy: [(endpoint: Int64, fact: Int64)], holder: String,
        at now: Int64, on connection: Connection
    ) throws -> [Head] {
        guard !wanted.isEmpty else { return [] }
        return try connection.query(
            """
            SELECT d.endpoint, d.fact, d.round, d.tries, d.first_tried_at, d.is_replay, e.tenant, e.id, e.url, e.secret,
                   CASE WHEN e.former_until > $2 THEN e.former_secret END, facts.webhook_id, facts.type, facts.body
            FROM unnest($3::bigint[], $4::bigint[]) AS wanted (endpoint, room)
            JOIN endpoints e ON e.number = wanted.endpoint AND e.state = 'active'
            JOIN queues q ON q.endpoint = wanted.endpoint AND q.holder = $1
                AND (q.not_before IS NULL OR q.not_before <= $2)
            LEFT JOIN (SELECT endpoint, array_agg(fact) AS facts
                       FROM unnest($5::bigint[], $6::bigint[]) AS busy (endpoint, fact) GROUP BY endpoint) busy
                ON busy.endpoint = wanted.endpoint
            CROSS JOIN LATERAL (
                SELECT * FROM deliveries d
                WHERE d.endpoint = wanted.endpoint AND d.fact <> ALL (COALESCE(busy.facts, '{}')) AND \(isNext)
                ORDER BY d.fact LIMIT wanted.room) d
            JOIN facts ON facts.position = d.fact
            ORDER BY d.fact
            """,
            [
                .text(holder), .timestamp(now), .int8Array(wanted.map(\.endpoint)),
                .int8Array(wanted.map { Int64($0.room) }), .int8Array(busy.map(\.endpoint)),
                .int8Array(busy.map(\.fact)),
            ]
        ).map { row in
            Head(
                endpoint: try row.get(0), fact: try row.get(1), round: Int(try row.get(2, as: Int32.self)),
                tries: Int(try row.get(3, as: Int32.self)),
                firstTriedAt: try row.get(4, as: Timestamp?.self)?.microseconds, isReplay: try row.get(5),
                tenant: try row.get(6), endpointID: try row.get(7), url: try row.get(8), secret: try row.get(9),
                formerSecret: try row.get(10), webhookID: try row.get(11), type: try row.get(12),
                body: try row.get(13))
        }
    }
}
