import Postgres

/// Events written in the transaction of the effect that they tell of, and published after its commit by the relay
/// ("Transactional outbox"), or when their time has come (`Schedule`). Rows that the relay has passed are pruned.
public enum Outbox {
    /// Appends `events` in one statement. Call inside the transaction of the effect; their order is kept per key.
    ///
    /// - Parameter committing: sends the COMMIT along; the transaction's body must return then.
    public static func append(
        _ events: [OutgoingEvent], on connection: Connection, committing: Bool = false
    ) throws(PostgresError) {
        try connection.pipeline(committing: committing) { append(events, in: &$0) }
    }

    static func append(_ events: [OutgoingEvent], in pipeline: inout Pipeline) {
        let later = events.filter { !$0.delivery.isNow }
        Schedule.append(later, in: &pipeline)
        let events = later.isEmpty ? events : events.filter(\.delivery.isNow)
        // An order's messages are all of one kind, so that theirs keep their order.
        insert(events.filter { $0.metadata.priority == .ordinary }, in: &pipeline)
        insert(events.filter { $0.metadata.priority == .express }, isExpress: true, in: &pipeline)
    }

    private static func insert(_ events: [OutgoingEvent], isExpress: Bool = false, in pipeline: inout Pipeline) {
        guard !events.isEmpty else { return }
        let (column, value) = isExpress ? (", express", ", true") : ("", "")
        let head: [Parameter] = [
            .textArray(events.map(\.topic)), .textArray(events.map(\.key)), .textArray(events.map(\.type)),
            .int4Array(events.map { Int32(truncatingIfNeeded: $0.schemaVersion) }),
            .jsonArray(events.map { $0.metadata.row() }),
        ]
        if events.allSatisfy(\.contentType.isJSON) {
            pipeline.query(
                """
                INSERT INTO outbox (topic, key, type, schema_version, metadata, data\(column))
                SELECT *\(value) FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::json[], $6::json[])
                """, head + [.jsonArray(events.map(\.payload))])
        } else {
            let columns = PayloadColumns(events.map { ($0.payload, $0.contentType) })
            pipeline.query(
                """
                INSERT INTO outbox (topic, key, type, schema_version, metadata, data, content_type, raw\(column))
                SELECT *\(value) FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::json[], $6::json[], $7::text[],
                    $8::bytea[])
                """,
                head + [
                    .jsonArrayOptional(columns.json), .textArrayOptional(columns.contentTypes),
                    .bytesArrayOptional(columns.raw),
                ])
        }
    }
}
