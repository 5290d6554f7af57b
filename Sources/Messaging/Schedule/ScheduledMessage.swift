import Postgres

/// A message that waits for its time, as operators see it.
public struct ScheduledMessage: Sendable {
    /// Where it stands among all that wait.
    public struct Place: Hashable, Sendable, Comparable {
        /// Microseconds since the Unix epoch.
        public let dueAt: Int64
        public let id: Int64

        public init(dueAt: Int64, id: Int64) {
            self.dueAt = dueAt
            self.id = id
        }

        public static func < (a: Place, b: Place) -> Bool { (a.dueAt, a.id) < (b.dueAt, b.id) }
    }

    public let id: Int64
    /// Microseconds since the Unix epoch, as all times.
    public let dueAt: Int64
    public let scheduledAt: Int64
    public let tenant: String
    public let topic: String
    public let key: String
    public let type: String
    /// `ce_id` of the record that it becomes.
    public let messageID: String
    public let correlationID: String

    public var place: Place { Place(dueAt: dueAt, id: id) }

    static let columns = "id, due_at, scheduled_at, tenant, topic, key, type, metadata"

    init(_ row: Row) throws {
        id = try row.get(0, as: Int64.self)
        dueAt = try row.get(1, as: Timestamp.self).microseconds
        scheduledAt = try row.get(2, as: Timestamp.self).microseconds
        tenant = try row.get(3, as: String.self)
        topic = try row.get(4, as: String.self)
        key = try row.get(5, as: String.self)
        type = try row.get(6, as: String.self)
        let metadata = try row.withBytes(7) { try EventMetadata(json: $0) }
        messageID = metadata.id
        correlationID = metadata.correlationID
    }
}

extension Schedule {
    /// What is looked for. All that are given have to hold.
    public struct Filter: Sendable {
        public var tenant: String?
        public var key: String?
        public var type: String?
        /// Due before it, microseconds since the Unix epoch.
        public var dueBefore: Int64?

        public init() {}

        static let condition = """
            ($1::text IS NULL OR tenant = $1) AND ($2::text IS NULL OR key = $2) AND ($3::text IS NULL OR type = $3)
            AND ($4::timestamptz IS NULL OR due_at < $4)
            """

        var parameters: [Parameter] {
            [.text(tenant), .text(key), .text(type), .timestamp(dueBefore.map { Timestamp(microseconds: $0) })]
        }
    }

    /// A part of what waits, what is due first first.
    ///
    /// - Parameter place: the part begins behind it; nil begins with the first.
    public static func page(
        _ filter: Filter, after place: ScheduledMessage.Place? = nil, limit: Int, on connection: Connection
    ) throws -> [ScheduledMessage] {
        try connection.query(
            """
            SELECT \(ScheduledMessage.columns) FROM scheduled_messages
            WHERE \(Filter.condition) AND ($5::timestamptz IS NULL OR (due_at, id) > ($5, $6))
            ORDER BY due_at, id LIMIT $7
            """,
            filter.parameters + [
                .timestamp(place.map { Timestamp(microseconds: $0.dueAt) }), .int8(place?.id ?? 0), .int(limit),
            ]
        ).map { try ScheduledMessage($0) }
    }
}
