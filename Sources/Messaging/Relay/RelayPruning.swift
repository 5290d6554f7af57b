import Postgres

/// Deletes what a relay has published.
enum RelayPruning {
    /// Deletes some of the rows that the checkpoint has seen, those of the oldest transactions, whole transactions at a time.
    /// True when there may be more.
    ///
    /// The rows are told by a bound and not by a list: a plan that joins the table with a list of its own rows, made while
    /// there were few, looks through the list once for each of many.
    ///
    /// - Parameter limit: rows to stop after.
    static func prune(
        _ source: RelaySource, behind checkpoint: RelayCheckpoint, limit: Int = 10_000, on connection: Connection
    ) throws -> Bool {
        let isPublished = """
            txid < pg_snapshot_xmax($1::text::pg_snapshot)
                AND pg_visible_in_snapshot(txid, (SELECT $1::text::pg_snapshot))
            """
        let deleted = try connection.execute(
            """
            DELETE FROM \(source.table)
            WHERE \(isPublished) AND txid <= (
                SELECT txid FROM (
                    SELECT txid FROM \(source.table) WHERE \(isPublished) ORDER BY txid, position LIMIT \(limit)) oldest
                ORDER BY txid DESC LIMIT 1)
            """, [.text(checkpoint.seen)])
        return deleted >= limit
    }
}
