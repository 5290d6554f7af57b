extension RelaySource {
    /// SQL that has a row where committed messages have waited for their relay for longer than a minute: the table, and how
    /// many since when. Copies by routes go out before the checkpoint moves past their facts: what doesn't wait has been
    /// copied too.
    ///
    /// What is behind the checkpoint is found by the index that relays go by, however long the table is. Copies of dead
    /// letters, whose times are their senders' word, are left out.
    package var waiting: String {
        // A letter's headers are whatever a stranger has sent.
        let time =
            isOutbox
            ? "CASE WHEN raw IS NULL OR content_type IS NOT NULL THEN \(RowMetadata.time) END"
            : "created_at"
        return """
            SELECT '\(table)', count(*) || ' wait for their relay, the first since ' || min(at)
            FROM (
                SELECT coalesce((
                    SELECT \(RelayCheckpointStore.seen) FROM relay_checkpoints WHERE source = '\(name)'
                ), '1:1:'::pg_snapshot) AS seen
            ) AS checkpoint, LATERAL (
                SELECT \(time) AS at FROM \(table)
                WHERE txid >= pg_snapshot_xmin(checkpoint.seen) AND NOT pg_visible_in_snapshot(txid, checkpoint.seen)
            ) AS behind
            WHERE at < now() - interval '1 minute' HAVING count(*) > 0
            """
    }
}
