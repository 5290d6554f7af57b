import Postgres

/// Events that a consumer group has handled, by their identities ("Idempotent consumer"). Offsets already make the redelivery of a
/// record harmless; the inbox catches a second *record* of the same event, as a relay writes after a crash.
public enum Inbox {
    /// Records `ids` (`EventIdentity`; without repeats) for the group and returns those that are new to it.
    static func claim(
        group: String, _ ids: [String], on connection: Connection
    ) throws(PostgresError) -> Set<String> {
        try claimed(connection.pipeline { claim(group: group, ids, in: &$0) }[0])
    }

    /// For handlers of groups that keep no inbox by themselves: records `messages` and returns those that were never
    /// recorded, the first of each event. Inside of the batch's transaction.
    public static func firsts(
        of messages: [InboundMessage], group: String, on connection: Connection
    ) throws(PostgresError) -> [InboundMessage] {
        var ids: Set<String> = []
        let distinct = messages.filter { ids.insert($0.identity).inserted }
        guard !distinct.isEmpty else { return [] }
        return try new(of: distinct, connection.pipeline { claim(group: group, distinct.map(\.identity), in: &$0) }[0])
    }

    /// Answers the ids that are new.
    static func claim(group: String, _ ids: [String], in pipeline: inout Pipeline) {
        pipeline.query(
            """
            INSERT INTO inbox (consumer_group, message_id) SELECT $1, unnest($2::text[])
            ON CONFLICT DO NOTHING RETURNING message_id
            """, [.text(group), .textArray(ids)])
    }

    /// Those of `messages`, all of which were claimed, that are new by the answer.
    static func new(of messages: [InboundMessage], _ answer: Rows) throws(PostgresError) -> [InboundMessage] {
        if answer.count == messages.count { return messages }
        let new = try claimed(answer)
        return messages.filter { new.contains($0.identity) }
    }

    private static func claimed(_ answer: Rows) throws(PostgresError) -> Set<String> {
        var ids = Set<String>(minimumCapacity: answer.count)
        for row in answer { ids.insert(try row.get(0, as: String.self)) }
        return ids
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
