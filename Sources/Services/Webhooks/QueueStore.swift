import Postgres

/// Puts facts into the queues of endpoints: the tables `facts` and `deliveries`.
enum QueueStore {
    /// Adds facts that aren't here yet, in their order, and a delivery for each endpoint that wants them. Returns the
    /// endpoints that have something new.
    static func add(_ facts: [WebhookFact], on connection: Connection) throws -> [Int64] {
        guard !facts.isEmpty else { return [] }
        // One statement, and so one view of the endpoints: what is counted is what is queued.
        return try connection.query(
            """
            WITH said AS MATERIALIZED (
                SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
                                     $7::bytea[])
                    WITH ORDINALITY AS t (tenant, identity, webhook_id, type, order_key, happened_at, body, place)),
            told AS MATERIALIZED (
                SELECT said.place, endpoints.number FROM said JOIN endpoints USING (tenant)
                WHERE endpoints.state <> 'deleted' AND \(EventTypes.matches("said.type", "endpoints.types"))),
            added AS (
                INSERT INTO facts (tenant, identity, webhook_id, type, order_key, happened_at, body, endpoints)
                SELECT tenant, identity, webhook_id, type, order_key, happened_at, body,
                       (SELECT count(*) FROM told WHERE told.place = said.place)
                FROM said ORDER BY place
                ON CONFLICT (tenant, identity) DO NOTHING
                RETURNING position, tenant, identity, order_key),
            queued AS (
                INSERT INTO deliveries (endpoint, fact, tenant, order_key, next_at)
                SELECT told.number, added.position, added.tenant, added.order_key, '-infinity'
                FROM added JOIN said USING (tenant, identity) JOIN told ON told.place = said.place
                RETURNING endpoint)
            SELECT DISTINCT endpoint FROM queued
            """,
            [
                .textArray(facts.map(\.tenant)), .textArray(facts.map(\.identity)),
                .textArray(facts.map(\.webhookID)), .textArray(facts.map(\.type)),
                .textArray(facts.map(\.orderKey)), .timestampArray(facts.map(\.happenedAt)),
                .bytesArray(facts.map(\.body)),
            ]
        ).map { try $0.get(0, as: Int64.self) }
    }

    /// A fact for one endpoint alone. Returns its position.
    static func add(_ fact: WebhookFact, for endpoint: Int64, on connection: Connection) throws -> Int64 {
        try connection.query(
            """
            WITH added AS (
                INSERT INTO facts (tenant, identity, webhook_id, type, order_key, happened_at, body, endpoints)
                VALUES ($1, $2, $3, $4, $5, $6, $7, 1)
                RETURNING position, tenant, order_key)
            INSERT INTO deliveries (endpoint, fact, tenant, order_key, next_at)
            SELECT $8, position, tenant, order_key, '-infinity' FROM added
            RETURNING fact
            """,
            [
                .text(fact.tenant), .text(fact.identity), .text(fact.webhookID), .text(fact.type),
                .text(fact.orderKey), .timestamp(fact.happenedAt), .bytes(fact.body), .int8(endpoint),
            ]
        ).one().get(0)
    }

    /// Facts that a replay queues at once.
    static let replayPage = 1_000

    /// Queues the next page of a replay of some endpoint again, in a transaction of its own. Returns the endpoint; nil
    /// where there is nothing to replay.
    ///
    /// What is pending already stays as it is: it is sent anyway, or was just now and its acceptance isn't noted yet.
    static func replayPage(at now: Int64, limit: Int = replayPage, on connection: Connection) throws -> Int64? {
        try connection.transaction { connection in
            guard
                let job = try connection.query(
                    """
                    SELECT queues.endpoint, replay_next, replay_to FROM queues JOIN endpoints ON number = endpoint
                    WHERE replay_next IS NOT NULL AND state <> 'deleted'
                    ORDER BY turn LIMIT 1 FOR UPDATE OF queues SKIP LOCKED
                    """
                ).first
            else { return nil }
            let endpoint = try job.get(0, as: Int64.self)
            let from = try job.get(1, as: Int64.self)
            let to = try job.get(2, as: Int64.self)
            let page = try connection.query(
                """
                WITH page AS MATERIALIZED (
                    SELECT facts.position, facts.tenant, facts.type, facts.order_key, endpoints.types
                    FROM endpoints JOIN facts ON facts.tenant = endpoints.tenant
                    WHERE endpoints.number = $1 AND facts.position >= $2 AND facts.position <= $3
                    ORDER BY facts.position LIMIT $4),
                queued AS (
                    INSERT INTO deliveries AS d (endpoint, fact, tenant, order_key, next_at, is_replay)
                    SELECT $1, position, tenant, order_key, $5, true FROM page
                    WHERE type <> '\(WebhookFact.pingType)' AND \(EventTypes.matches("page.type", "page.types"))
                    ON CONFLICT (endpoint, fact, tenant) DO UPDATE SET
                        state = 'pending', is_replay = true, round = d.round + 1, tries = 0, next_at = $5,
                        first_tried_at = NULL, last_status = NULL, last_error = NULL, done_at = NULL
                        WHERE d.state = 'delivered'
                    RETURNING fact, xmax = 0 AS is_new),
                counted AS (
                    UPDATE facts SET endpoints = facts.endpoints + 1 FROM queued
                    WHERE facts.position = queued.fact AND queued.is_new)
                SELECT count(*), max(position) FROM page
                """, [.int8(endpoint), .int8(from), .int8(to), .int(limit), .timestamp(now)]
            ).one()
            let last = try page.get(1, as: Int64?.self)
            let isWhole = try page.get(0, as: Int.self) < limit || last == to
            _ = try connection.execute(
                """
                UPDATE queues SET replay_next = CASE WHEN $2 THEN NULL ELSE $3::bigint + 1 END,
                                  replay_to = CASE WHEN $2 THEN NULL ELSE replay_to END
                WHERE endpoint = $1
                """, [.int8(endpoint), .bool(isWhole), .int8(last ?? to)])
            return endpoint
        }
    }
}
