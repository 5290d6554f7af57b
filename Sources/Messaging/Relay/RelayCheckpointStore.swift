import Postgres

/// The one checkpoint row of a relay.
public enum RelayCheckpointStore {
    /// The snapshot all of whose rows are published, from a row of `relay_checkpoints`.
    ///
    /// A program from before `seen` knows `low` and `high` alone, moves only those, and may take over at any time while
    /// processes are being replaced. Ours leaves `high` empty, and `low` where `seen` begins: where it is otherwise, `low`
    /// and `high` are right, and say as snapshots that all transactions below had ended and no other one.
    static let seen = """
        CASE WHEN high IS NULL AND pg_snapshot_xmin(seen) = low THEN seen
             WHEN low = '0' THEN '1:1:'::pg_snapshot
             ELSE (low::text || ':' || low::text || ':')::pg_snapshot END
        """
    /// The end of the window being published, in the same manner.
    static let reach = """
        CASE WHEN high IS NOT NULL THEN (high::text || ':' || high::text || ':')::pg_snapshot
             WHEN pg_snapshot_xmin(seen) = low THEN reach END
        """

    /// What a source's relay has published, as a `pg_snapshot` in text: every row of a transaction that it sees, and
    /// perhaps some more. Nil while none has run.
    public static func published(_ source: String, on connection: Connection) throws -> String? {
        try connection.query("SELECT (\(seen))::text FROM relay_checkpoints WHERE source = $1", [.text(source)])
            .first?.get(0, as: String.self)
    }

    /// The stored checkpoint; on the first run one that starts before every transaction of the database.
    static func load(_ source: String, on connection: Connection) throws -> RelayCheckpoint {
        _ = try connection.execute(
            """
            INSERT INTO relay_checkpoints (source, low) VALUES ($1, '0'::xid8) ON CONFLICT (source) DO NOTHING
            """, [.text(source)])
        let row = try connection.query(
            """
            SELECT seen::text, reach::text, position, published,
                   pg_snapshot_xmax(seen) <= pg_snapshot_xmax(pg_current_snapshot()),
                   pg_snapshot_xmax(seen)::text, pg_snapshot_xmax(pg_current_snapshot())::text
            FROM (SELECT \(seen) AS seen, \(reach) AS reach, position, published
                  FROM relay_checkpoints WHERE source = $1) checkpoint
            """, [.text(source)])[0]
        guard try row.get(4, as: Bool.self) else {
            throw RelayError.transactionIDsWentBack(
                checkpoint: try row.get(5, as: String.self), current: try row.get(6, as: String.self))
        }
        let reach = try row.get(1, as: String?.self)
        return RelayCheckpoint(
            seen: try row.get(0, as: String.self), reach: reach,
            position: reach == nil ? 0 : try row.get(2, as: Int64.self), published: try row.get(3, as: Int64.self))
    }

    /// Commits something that changes nothing: the server's log is on its disk then, up to here.
    static func touch(_ source: String, on connection: Connection) throws {
        try connection.execute(
            "UPDATE relay_checkpoints SET published = published WHERE source = $1", [.text(source)])
    }

    /// Moves from `old` to `new`, which has published more. Fails when the row is not at `old`: then another relay leads.
    static func move(
        _ source: String, from old: RelayCheckpoint, to new: RelayCheckpoint, on connection: Connection
    ) throws {
        let moved = try connection.execute(
            """
            UPDATE relay_checkpoints SET
                seen = $2::text::pg_snapshot, reach = $3::text::pg_snapshot, position = $4, published = $5,
                low = pg_snapshot_xmin($2::text::pg_snapshot), high = NULL
            WHERE source = $1 AND published = $6
            """,
            [
                .text(source), .text(new.seen), new.reach.map { .text($0) } ?? .null, .int8(new.position),
                .int8(new.published), .int8(old.published),
            ])
        guard moved == 1 else { throw RelayError.fenced(source: source) }
    }
}
