import Postgres

/// The one checkpoint row of a relay.
enum RelayCheckpointStore {
    /// The stored checkpoint; on the first run one that starts before every transaction of the database.
    static func load(_ source: String, on connection: Connection) throws -> RelayCheckpoint {
        _ = try connection.execute(
            """
            INSERT INTO relay_checkpoints (source, low) VALUES ($1, '0'::xid8) ON CONFLICT (source) DO NOTHING
            """, [.text(source)])
        let row = try connection.query(
            """
            SELECT low::text, high::text, position, published, pg_snapshot_xmin(pg_current_snapshot())::text
            FROM relay_checkpoints WHERE source = $1
            """, [.text(source)])[0]
        let low = UInt64(try row.get(0, as: String.self)) ?? 0
        let current = UInt64(try row.get(4, as: String.self)) ?? 0
        guard low <= current else { throw RelayError.transactionIDsWentBack(checkpoint: low, current: current) }
        return RelayCheckpoint(
            low: low, high: try row.get(1, as: String?.self).flatMap { UInt64($0) },
            position: try row.get(2, as: Int64.self), published: try row.get(3, as: Int64.self))
    }

    /// Moves from `old` to `new`. Fails when the row is not at `old`: then somebody else leads.
    static func move(
        _ source: String, from old: RelayCheckpoint, to new: RelayCheckpoint, on connection: Connection
    ) throws {
        let moved = try connection.execute(
            """
            UPDATE relay_checkpoints SET low = $2::text::xid8, high = $3::text::xid8, position = $4, published = $5
            WHERE source = $1 AND low = $6::text::xid8 AND position = $7 AND published = $8
            """,
            [
                .text(source), .text(String(new.low)), new.high.map { .text(String($0)) } ?? .null,
                .int8(new.position), .int8(new.published),
                .text(String(old.low)), .int8(old.position), .int8(old.published),
            ])
        guard moved == 1 else { throw RelayError.fenced(source: source) }
    }
}
