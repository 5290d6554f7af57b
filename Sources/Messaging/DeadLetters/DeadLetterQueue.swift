import Postgres

/// What operators see of dead letters, and what they may do with them.
public enum DeadLetterQueue {
    /// One letter as `orderflow deadletters` shows it.
    public struct Entry: Sendable {
        public let id: Int64
        public let group: String
        public let source: InboundMessage.Source
        public let key: String
        public let status: String
        public let error: String
        public let attempts: Int
        /// Microseconds since the Unix epoch.
        public let createdAt: Int64
        /// Nil where it is null, and where it wasn't asked for.
        public let value: [UInt8]?
        /// JSON object of the record's headers: texts, `{"base64":…}` for what is none, an array where a name repeats.
        public let headers: [UInt8]
        /// Messages that wait behind this one; nil for a letter that isn't the first of its key.
        public let parkedBehind: Int64?
        /// The last one; nil where nobody has decided yet.
        public let decision: (by: String, note: String)?
        /// Of the decision, microseconds since the Unix epoch.
        public let decidedAt: Int64?
        /// Of a record that its source never said: it holds up nothing.
        public var isForged: Bool { ParkingKey.isForged(key) }
    }

    /// Which letters a list has. By default only open ones that are heads of their key.
    public struct Filter: Sendable {
        public var group: String?
        public var topic: String?
        public var includesParked: Bool
        public var includesEnded: Bool

        public init(
            group: String? = nil, topic: String? = nil, includesParked: Bool = false, includesEnded: Bool = false
        ) {
            self.group = group
            self.topic = topic
            self.includesParked = includesParked
            self.includesEnded = includesEnded
        }

        /// A condition that the planner knows an index for, as it wouldn't with a parameter.
        fileprivate var condition: String {
            switch (includesParked, includesEnded) {
            case (false, false): "status IN ('dead', 'retry')"
            case (true, false): "status IN ('dead', 'parked', 'retry')"
            case (false, true): "status <> 'parked'"
            case (true, true): "true"
            }
        }

        /// `$1` and `$2`: group and topic.
        var parameters: [Parameter] { [.text(group), .text(topic)] }
    }

    /// Letters, the newest first.
    ///
    /// - Parameters:
    ///   - tenant: only letters of its messages, of which those that name none are the standard one's. Nil takes all.
    ///   - before: only those with a smaller id, for the next page.
    ///   - valueLimit: bytes of a record's value; one that has more is left out. Nil takes all.
    public static func list(
        _ filter: Filter = Filter(), of tenant: String? = nil, before: Int64 = .max, limit: Int = 100,
        valueLimit: Int? = nil, on connection: Connection
    ) throws -> [Entry] {
        try decode(
            connection.query(
                """
                \(select(valueLimit: valueLimit))
                WHERE ($1::text IS NULL OR d.consumer_group = $1) AND ($2::text IS NULL OR d.topic = $2)
                  AND \(filter.condition) AND id < $3
                  AND ($5::text IS NULL OR coalesce(headers->>'ce_tenant', $6) = $5)
                ORDER BY id DESC LIMIT $4
                """,
                filter.parameters + [.int8(before), .int(limit), .text(tenant), .text(TenantName.standard)]))
    }

    /// Open letters of a group: those that wait for a decision, and those parked behind them.
    public static func count(
        group: String, on connection: Connection
    ) throws(PostgresError) -> (dead: Int64, parked: Int64) {
        let row = try connection.query(
            """
            SELECT (SELECT count(*) FROM dead_letters WHERE consumer_group = $1 AND status IN ('dead', 'retry')),
                   (SELECT coalesce(sum(waiting), 0)::bigint FROM parked_keys WHERE consumer_group = $1)
            """, [.text(group)]
        ).one()
        return (try row.get(0, as: Int64.self), try row.get(1, as: Int64.self))
    }

    public static func show(_ id: Int64, on connection: Connection) throws -> Entry {
        guard let entry = try letters([id], on: connection).first else { throw Refusal.unknown(id) }
        return entry
    }

    /// Letters by their ids, in that order; those that aren't there are missing.
    public static func letters(_ ids: [Int64], on connection: Connection) throws -> [Entry] {
        try decode(
            connection.query(
                "\(select(valueLimit: nil)) WHERE id = ANY($1) ORDER BY id", [.int8Array(ids)]))
    }

    private static func select(valueLimit: Int?) -> String {
        let value = valueLimit.map { "CASE WHEN octet_length(value) <= \($0) THEN value END" } ?? "value"
        return """
            SELECT id, d.consumer_group, d.topic, partition, "offset", d.key, status, error, attempts, created_at,
                   \(value), headers::text,
                   CASE WHEN status IN ('dead', 'retry') THEN coalesce(k.waiting, 0) END,
                   decided_by, decision_note, decided_at
            FROM dead_letters d
            LEFT JOIN parked_keys k ON k.consumer_group = d.consumer_group AND k.topic = d.topic AND k.key = d.key
            """
    }

    private static func decode(_ rows: Rows) throws -> [Entry] {
        try rows.map { row in
            let by = try row.get(13, as: String?.self)
            let note = try row.get(14, as: String?.self)
            return Entry(
                id: try row.get(0, as: Int64.self), group: try row.get(1, as: String.self),
                source: InboundMessage.Source(
                    topic: try row.get(2, as: String.self), partition: try row.get(3, as: Int32.self),
                    offset: try row.get(4, as: Int64.self)),
                key: try row.get(5, as: String.self), status: try row.get(6, as: String.self),
                error: try row.get(7, as: String.self), attempts: Int(try row.get(8, as: Int32.self)),
                createdAt: try row.get(9, as: Timestamp.self).microseconds,
                value: try row.get(10, as: [UInt8]?.self), headers: Array(try row.get(11, as: String.self).utf8),
                parkedBehind: try row.get(12, as: Int64?.self),
                decision: by.map { ($0, note ?? "") },
                decidedAt: try row.get(15, as: Timestamp?.self)?.microseconds)
        }
    }
}
