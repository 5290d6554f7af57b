import Execution
import Metrics
import Postgres

/// Messages that wait for their time (`OutgoingEvent.delivered`). They are written in the transaction of the effect that they
/// tell of, as those are that go out at once, and moved into the outbox when they are due (`DueMessages`).
///
/// A message is in one of two tables: who cancels it deletes the row that the relay would move, and PostgreSQL lets one of
/// them do it.
public enum Schedule {
    /// Of one or several messages.
    public struct Selector: Hashable, Sendable {
        public let tenant: String
        public let key: String
        public let type: String

        public init(tenant: String, key: String, type: String) {
            self.tenant = tenant
            self.key = key
            self.type = type
        }
    }

    /// Cancels what waits under these keys and types. Inside of a transaction: nothing is cancelled before it commits.
    ///
    /// - Returns: how many were cancelled; what isn't among them is delivered, or was.
    @discardableResult
    public static func cancel(_ selectors: some Collection<Selector>, on connection: Connection) throws -> Int {
        guard !selectors.isEmpty else { return 0 }
        let count = try connection.execute(
            """
            DELETE FROM scheduled_messages
            WHERE (tenant, key, type) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))
                AND key = ANY($2::text[])
            """,
            [
                .textArray(selectors.map(\.tenant)), .textArray(selectors.map(\.key)),
                .textArray(selectors.map(\.type)),
            ])
        cancelled.increment(by: count)
        return count
    }

    /// Cancels messages by their ids. Returns those that were cancelled.
    public static func cancel(_ ids: [Int64], on connection: Connection) throws -> [ScheduledMessage] {
        let rows = try connection.query(
            "DELETE FROM scheduled_messages WHERE id = ANY($1::bigint[]) RETURNING \(ScheduledMessage.columns)",
            [.int8Array(ids)])
        cancelled.increment(by: rows.count)
        return try rows.map { try ScheduledMessage($0) }.sorted { $0.place < $1.place }
    }

    private static let cancelled = Counter(label: "orderflow_schedule_cancelled_total")

    static func append(_ events: [OutgoingEvent], in pipeline: inout Pipeline) {
        guard !events.isEmpty else { return }
        let columns = PayloadColumns(events.map { ($0.payload, $0.contentType) })
        pipeline.query(
            """
            INSERT INTO scheduled_messages (
                due_at, tenant, topic, key, type, schema_version, metadata, data, content_type, raw)
            SELECT coalesce(at, now() + after * interval '1 microsecond'), tenant, topic, key, type, schema_version,
                   metadata, data, content_type, raw
            FROM unnest($1::timestamptz[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[],
                        $8::json[], $9::json[], $10::text[], $11::bytea[])
                WITH ORDINALITY
                AS new (at, after, tenant, topic, key, type, schema_version, metadata, data, content_type, raw, place)
            ORDER BY place
            """,
            [
                .timestampArrayOptional(events.map { if case .at(let time) = $0.delivery { time } else { nil } }),
                .int8Array(events.map { if case .after(let span) = $0.delivery { wait(span) } else { 0 } }),
                .textArray(events.map(\.metadata.tenant)), .textArray(events.map(\.topic)),
                .textArray(events.map(\.key)), .textArray(events.map(\.type)),
                .int4Array(events.map { Int32(truncatingIfNeeded: $0.schemaVersion) }),
                .jsonArray(events.map { $0.metadata.json() }), .jsonArrayOptional(columns.json),
                .textArrayOptional(columns.contentTypes), .bytesArrayOptional(columns.raw),
            ])
    }

    /// Of a hundred years at most: a time that no clock reaches would be one that no table holds.
    private static func wait(_ span: Duration) -> Int64 {
        min(max(span, .zero), .seconds(36_525 * 86_400)).microseconds
    }
}
