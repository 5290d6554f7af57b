import Postgres

extension EventStore {
    /// The events of one stream behind version `after`, in order: at most `limit`, and no more once they fill `bytes`.
    /// With them the version that the stream is at; 0 where there is none of these categories.
    public static func page(
        tenant: String, streamID: String, categories: Set<String>, after version: Int, limit: Int, bytes: Int,
        on connection: Connection
    ) throws(PostgresError) -> (events: [StoredEvent], version: Int) {
        let current = try connection.query(
            """
            SELECT coalesce(max(version), 0) FROM events
            WHERE tenant = $1 AND stream_id = $2 AND category = ANY($3::text[])
            """, [.text(tenant), .text(streamID), .textArray(categories.sorted())]
        ).one().get(0, as: Int32.self)
        let rows = try connection.query(
            """
            SELECT tenant, stream_id, category, version, type, schema_version, data, metadata, position, created_at,
                   content_type, raw
            FROM (
                SELECT *, sum(coalesce(octet_length(data::text), octet_length(raw)) + octet_length(metadata::text)) OVER (
                    ORDER BY version ROWS UNBOUNDED PRECEDING EXCLUDE CURRENT ROW) AS before
                FROM (
                    \(selectEvents)
                    WHERE tenant = $1 AND stream_id = $2 AND version > $3 AND category = ANY($6::text[])
                    ORDER BY version LIMIT $4
                ) AS wanted
            ) AS measured
            WHERE before IS NULL OR before < $5
            ORDER BY version
            """,
            [
                .text(tenant), .text(streamID), .int4(Int32(clamping: version)), .int(limit), .int(bytes),
                .textArray(categories.sorted()),
            ])
        return (try decode(rows), Int(current))
    }
}
