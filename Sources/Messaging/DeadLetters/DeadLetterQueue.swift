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
        /// Messages of the key that wait behind this one.
        public let parkedBehind: Int64
        /// The last one; nil where nobody has decided yet.
        public let decision: Decision?
        /// Of the decision, microseconds since the Unix epoch.
        public let decidedAt: Int64?
    }

    /// Who retries or discards a letter, and why.
    public struct Decision: Hashable, Sendable {
        public let by: String
        public let note: String

        public init(by: String, note: String) {
            self.by = by
            self.note = note
        }
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

        fileprivate var statuses: [String] {
            ["dead", "retry"] + (includesParked ? ["parked"] : []) + (includesEnded ? ["handled", "discarded"] : [])
        }
    }

    /// Why an operator's wish can't be met.
    public enum Refusal: Error, Sendable, CustomStringConvertible {
        case unknown(Int64)
        case notHead(Int64, head: Int64)
        case ended(Int64, status: String)

        public var description: String {
            switch self {
            case .unknown(let id): "there is no letter \(id)"
            case .notHead(let id, let head):
                "letter \(id) waits behind letter \(head) of the same key: retry or discard that one first"
            case .ended(let id, let status): "letter \(id) is \(status) already"
            }
        }
    }

    /// Letters, the newest first.
    ///
    /// - Parameters:
    ///   - before: only those with a smaller id, for the next page.
    ///   - withValues: whether the records' values, which may be large, are read too.
    public static func list(
        _ filter: Filter = Filter(), before: Int64 = .max, limit: Int = 100, withValues: Bool = true,
        on connection: Connection
    ) throws -> [Entry] {
        try decode(
            connection.query(
                """
                \(withValues ? select : select.replacing(", value,", with: ", NULL::bytea,"))
                WHERE ($1::text IS NULL OR consumer_group = $1) AND ($2::text IS NULL OR topic = $2)
                  AND status = ANY($3::text[]) AND id < $4
                ORDER BY id DESC LIMIT $5
                """,
                [
                    .text(filter.group), .text(filter.topic), .textArray(filter.statuses), .int8(before),
                    .int8(Int64(limit)),
                ]))
    }

    /// Open letters of a group: those that wait for somebody, and those parked behind them.
    public static func count(
        group: String, on connection: Connection
    ) throws(PostgresError) -> (dead: Int64, parked: Int64) {
        let row = try connection.query(
            """
            SELECT count(*) FILTER (WHERE status <> 'parked'), count(*) FILTER (WHERE status = 'parked')
            FROM dead_letters WHERE consumer_group = $1 AND status IN ('dead', 'parked', 'retry')
            """, [.text(group)]
        ).one()
        return (try row.get(0, as: Int64.self), try row.get(1, as: Int64.self))
    }

    public static func show(_ id: Int64, on connection: Connection) throws -> Entry {
        guard let entry = try decode(connection.query("\(select) WHERE id = $1", [.int8(id)])).first else {
            throw Refusal.unknown(id)
        }
        return entry
    }

    /// Asks for the letter to be handled again; a running consumer of its group does so within a second.
    public static func retry(_ id: Int64, _ decision: Decision, on connection: Connection) throws {
        try connection.transaction { connection in
            let entry = try head(id, on: connection)
            try decide("retry", entry.id, decision, on: connection)
        }
    }

    /// Gives the letter up for good, and copies of its message that a relay may yet bring. What was parked behind it is
    /// released in order.
    public static func discard(_ id: Int64, _ decision: Decision, on connection: Connection) throws {
        try connection.transaction { connection in
            let entry = try head(id, on: connection)
            let key = ParkingKey(topic: entry.source.topic, key: entry.key)
            if let letter = try StoredLetter.open(of: key, group: entry.group, limit: 1, on: connection).first {
                _ = try Inbox.claim(group: entry.group, [letter.identity()], on: connection)
            }
            try decide("discarded", entry.id, decision, on: connection)
            if let next = try StoredLetter.open(of: key, group: entry.group, limit: 1, on: connection).first {
                try next.mark("retry", error: nil, on: connection)
            } else {
                try unpark(key, group: entry.group, on: connection)
            }
        }
    }

    static func unpark(_ key: ParkingKey, group: String, on connection: Connection) throws {
        _ = try connection.execute(
            "DELETE FROM parked_keys WHERE consumer_group = $1 AND topic = $2 AND key = $3",
            [.text(group), .text(key.topic), .text(key.key)])
    }

    /// The letter, if it is the first open one of its key; locks the key.
    private static func head(_ id: Int64, on connection: Connection) throws -> Entry {
        let entry = try show(id, on: connection)
        _ = try connection.query(
            "SELECT 1 FROM parked_keys WHERE consumer_group = $1 AND topic = $2 AND key = $3 FOR UPDATE",
            [.text(entry.group), .text(entry.source.topic), .text(entry.key)])
        // Look again: a worker may have had the key.
        let current = try show(id, on: connection)
        guard ["dead", "parked", "retry"].contains(current.status) else {
            throw Refusal.ended(id, status: current.status)
        }
        let key = ParkingKey(topic: entry.source.topic, key: entry.key)
        if let head = try StoredLetter.open(of: key, group: entry.group, limit: 1, on: connection).first, head.id != id
        {
            throw Refusal.notHead(id, head: head.id)
        }
        return current
    }

    private static func decide(
        _ status: String, _ id: Int64, _ decision: Decision, on connection: Connection
    ) throws {
        _ = try connection.execute(
            """
            UPDATE dead_letters
            SET status = $2, updated_at = now(), decided_by = $3, decision_note = $4, decided_at = now()
            WHERE id = $1
            """, [.int8(id), .text(status), .text(decision.by), .text(decision.note)])
    }

    private static let select = """
        SELECT id, consumer_group, topic, partition, "offset", key, status, error, attempts, created_at, value,
               headers::text,
               (SELECT count(*) FROM dead_letters p
                WHERE p.consumer_group = d.consumer_group AND p.topic = d.topic AND p.key = d.key
                  AND p.status = 'parked' AND p.id > d.id),
               decided_by, decision_note, decided_at
        FROM dead_letters d
        """

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
                parkedBehind: try row.get(12, as: Int64.self),
                decision: by.map { Decision(by: $0, note: note ?? "") },
                decidedAt: try row.get(15, as: Timestamp?.self)?.microseconds)
        }
    }
}
