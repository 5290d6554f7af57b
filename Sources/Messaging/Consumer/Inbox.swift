import Postgres

/// Message ids that a consumer group has handled ("Idempotent consumer"). Offsets already make the redelivery of a
/// record harmless; the inbox catches a second *record* of the same event, as a relay writes after a crash.
public enum Inbox {
    /// Records `ids` (without repeats) for the group and returns those that are new to it.
    static func claim(
        group: String, _ ids: [String], on connection: Connection
    ) throws(PostgresError) -> Set<String> {
        let rows = try connection.query(
            """
            INSERT INTO inbox (consumer_group, message_id) SELECT $1, unnest($2::text[])
            ON CONFLICT DO NOTHING RETURNING message_id
            """, [.text(group), .textArray(ids)])
        var new = Set<String>(minimumCapacity: rows.count)
        for row in rows { new.insert(try row.get(0, as: String.self)) }
        return new
    }

    /// Forgets ids received longer than `window` ago, up to `limit`. The window has to be longer than a relay can lag
    /// behind and still publish a copy; handlers with a unique key of their own survive even that.
    public static func prune(
        olderThan window: Duration, limit: Int = 10_000, on connection: Connection
    ) throws(PostgresError) -> Int {
        try connection.execute(
            """
            DELETE FROM inbox WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM inbox WHERE received_at < now() - make_interval(secs => $1) LIMIT $2))
            """, [.float8(window / .seconds(1)), .int8(Int64(limit))])
    }
}
