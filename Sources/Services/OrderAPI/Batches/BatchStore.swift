import Messaging
import Postgres

/// The tables of batches, for who takes orders in. All of it is for connections of the daemon's.
///
///     open ─> (lock, events, add)* ─> refuse, seal          a request that came to its end
///     open ─> (lock, events, add)* ─> release               one that was cut: the same key may go on
///
/// A sealed batch gets no more orders from any sender: what was told of it stays true. `lock` and `seal` see to it: the
/// first keeps the second waiting until the transaction that adds orders has ended.
enum BatchStore {
    /// A batch as it was found or made.
    struct Opened: Sendable {
        let policy: String
        /// The user whose orders it has; nil for everybody's.
        let owner: String?
        let isSealed: Bool
        /// It was made by this request.
        let isNew: Bool
    }

    /// Makes a batch, or finds the one that is there, and holds it for a request.
    ///
    /// - Parameter duration: how long the request may take at the longest.
    static func open(
        _ key: BatchKey, policy: String, owner: String?, holdingFor duration: Duration, on connection: Connection
    ) throws(PostgresError) -> Opened {
        let row = try connection.query(
            """
            INSERT INTO batches AS b (tenant, batch_id, policy, owner, held_until)
            VALUES ($1, $2, $3, $4, now() + $5 * interval '1 microsecond')
            ON CONFLICT (tenant, batch_id) DO UPDATE SET held_until =
                CASE WHEN b.sealed_at IS NULL THEN greatest(b.held_until, excluded.held_until) ELSE b.held_until END
            RETURNING policy, owner, sealed_at IS NOT NULL, b.xmax = 0
            """,
            [
                .text(key.tenant), .text(key.batchID), .text(policy), .text(owner),
                .int8(Int64(duration / .microseconds(1))),
            ]
        ).one()
        return Opened(policy: try row.get(0), owner: try row.get(1), isSealed: try row.get(2), isNew: try row.get(3))
    }

    /// Locks the batches of a transaction that is about to add orders to them, before it does anything else.
    ///
    /// - Returns: those that take no more, or aren't there: nothing may be added to them.
    static func lock(_ keys: [BatchKey], on connection: Connection) throws(PostgresError) -> Set<BatchKey> {
        var closed = Set(keys)
        // Counters change meanwhile (`FOR NO KEY UPDATE`), a seal (`FOR UPDATE`) waits.
        let rows = try connection.query(
            """
            SELECT tenant, batch_id FROM batches
            WHERE (tenant, batch_id) IN (SELECT * FROM unnest($1::text[], $2::text[])) AND sealed_at IS NULL
            ORDER BY tenant, batch_id
            FOR KEY SHARE
            """, [.textArray(keys.map(\.tenant)), .textArray(keys.map(\.batchID))])
        for row in rows { closed.remove(BatchKey(tenant: try row.get(0), batchID: try row.get(1))) }
        return closed
    }

    /// Counts orders that the transaction under way has stored: new ones, no repeats.
    static func add(_ parts: [(key: BatchKey, orders: Int)], on connection: Connection) throws(PostgresError) {
        let parts = parts.filter { $0.orders > 0 }
        guard !parts.isEmpty else { return }
        _ = try connection.execute(
            """
            INSERT INTO batch_parts (tenant, batch_id, accepted)
            SELECT * FROM unnest($1::text[], $2::text[], $3::int[])
            """,
            [
                .textArray(parts.map(\.key.tenant)), .textArray(parts.map(\.key.batchID)),
                .int4Array(parts.map { Int32(clamping: $0.orders) }),
            ])
    }

    /// A line that became no order.
    struct RefusedLine: Sendable {
        /// From 1.
        let line: Int
        /// Where in the line (RFC 6901); nil for the line as a whole.
        let pointer: String?
        let reason: String

        init(line: Int, pointer: String?, reason: String) {
            self.line = line
            self.pointer = pointer
            self.reason = reason
        }
    }

    /// Keeps why lines were refused, in the transaction that seals the batch.
    static func refuse(
        _ lines: [RefusedLine], of key: BatchKey, on connection: Connection
    ) throws(PostgresError) {
        guard !lines.isEmpty else { return }
        _ = try connection.execute(
            """
            INSERT INTO batch_failures (tenant, batch_id, line, status, pointer, reason)
            SELECT $1, $2, line, '\(BatchFailure.Status.refused.rawValue)', pointer, reason
            FROM unnest($3::int[], $4::text[], $5::text[]) AS t (line, pointer, reason)
            ON CONFLICT DO NOTHING
            """,
            [
                .text(key.tenant), .text(key.batchID), .int4Array(lines.map { Int32(clamping: $0.line) }),
                .textArrayOptional(lines.map(\.pointer)), .textArray(lines.map(\.reason)),
            ])
    }

    /// Ends a batch, inside a transaction: nothing is added any more, and once its orders have ended, which may be now,
    /// `BatchCompleted` is said. One that is sealed stays as it is.
    ///
    /// - Parameters:
    ///   - lines: that the request had; nil where it never ended.
    ///   - topic: where the fact is said, by the relay of the outbox.
    static func seal(_ key: BatchKey, lines: Int?, topic: String, on connection: Connection) throws {
        // Those who hold `lock` have committed by the time that the next statement looks.
        let found = try connection.query(
            "SELECT FROM batches WHERE tenant = $1 AND batch_id = $2 AND sealed_at IS NULL FOR UPDATE",
            [.text(key.tenant), .text(key.batchID)])
        guard found.count == 1 else { return }
        let rows = try connection.pipeline { pipeline in
            let batch: [Parameter] = [.text(key.tenant), .text(key.batchID)]
            pipeline.query(
                """
                UPDATE batches AS b SET sealed_at = clock_timestamp(), whole = $3::int IS NOT NULL,
                    accepted = known.accepted, refused = known.refused,
                    lines = coalesce($3, known.accepted + known.refused)
                FROM (SELECT
                    (SELECT coalesce(sum(accepted), 0)::int FROM batch_parts WHERE tenant = $1 AND batch_id = $2),
                    (SELECT count(*)::int FROM batch_failures
                     WHERE tenant = $1 AND batch_id = $2 AND status = '\(BatchFailure.Status.refused.rawValue)')
                ) AS known (accepted, refused)
                WHERE tenant = $1 AND batch_id = $2
                """, batch + [.int4(lines.map { Int32(clamping: $0) })])
            pipeline.query("DELETE FROM batch_parts WHERE tenant = $1 AND batch_id = $2", batch)
            pipeline.query(
                """
                UPDATE batches SET completed_at = clock_timestamp()
                WHERE tenant = $1 AND batch_id = $2 AND completed_at IS NULL AND confirmed + cancelled = accepted
                RETURNING \(BatchFanIn.columns(of: "batches"))
                """, batch)
        }
        let completed = try rows[2].map { try BatchFanIn.completion($0, on: topic) }
        guard !completed.isEmpty else { return }
        try Outbox.append(completed, on: connection)
    }

    /// Gives back a batch whose request was cut: after a while without another one it is sealed as it is.
    static func release(_ key: BatchKey, on connection: Connection) throws(PostgresError) {
        _ = try connection.execute(
            "UPDATE batches SET held_until = now() WHERE tenant = $1 AND batch_id = $2 AND sealed_at IS NULL",
            [.text(key.tenant), .text(key.batchID)])
    }
}
