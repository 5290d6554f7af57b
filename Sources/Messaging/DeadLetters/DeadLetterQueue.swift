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
        public let value: [UInt8]?
        /// JSON object of the record's headers.
        public let headers: [UInt8]
        /// Messages of the key that wait behind this one.
        public let parkedBehind: Int64
    }

    /// Why an operator's wish can't be met.
    public enum Refusal: Error, Sendable, CustomStringConvertible {
        case unknown(Int64)
        case notHead(Int64, head: Int64)
        case ended(Int64, status: String)

        public var description: String {
            switch self {
            case .unknown(let id): "there is no dead letter \(id)"
            case .notHead(let id, let head):
                "dead letter \(id) waits behind \(head) of the same key: retry or discard that one first"
            case .ended(let id, let status): "dead letter \(id) is \(status) already"
            }
        }
    }

    /// Letters, the newest first. By default only open ones that are heads of their key.
    public static func list(
        group: String? = nil, includeParked: Bool = false, includeEnded: Bool = false, limit: Int = 100,
        on connection: Connection
    ) throws -> [Entry] {
        var statuses = ["dead", "retry"]
        if includeParked { statuses.append("parked") }
        if includeEnded { statuses += ["handled", "discarded"] }
        return try decode(
            connection.query(
                """
                \(select) WHERE ($1::text IS NULL OR consumer_group = $1) AND status = ANY($2::text[])
                ORDER BY id DESC LIMIT $3
                """, [group.map { .text($0) } ?? .null, .textArray(statuses), .int8(Int64(limit))]))
    }

    public static func show(_ id: Int64, on connection: Connection) throws -> Entry {
        guard let entry = try decode(connection.query("\(select) WHERE id = $1", [.int8(id)])).first else {
            throw Refusal.unknown(id)
        }
        return entry
    }

    /// Asks for the letter to be handled again; a running consumer of its group does so within a second.
    public static func retry(_ id: Int64, on connection: Connection) throws {
        try connection.transaction { connection in
            let entry = try head(id, on: connection)
            try setStatus("retry", of: entry.id, on: connection)
        }
    }

    /// Gives the letter up for good. What was parked behind it is released in order.
    public static func discard(_ id: Int64, on connection: Connection) throws {
        try connection.transaction { connection in
            let entry = try head(id, on: connection)
            try setStatus("discarded", of: entry.id, on: connection)
            let key = ParkingKey(topic: entry.source.topic, key: entry.key)
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

    private static func setStatus(_ status: String, of id: Int64, on connection: Connection) throws {
        _ = try connection.execute(
            "UPDATE dead_letters SET status = $2, updated_at = now() WHERE id = $1", [.int8(id), .text(status)])
    }

    private static let select = """
        SELECT id, consumer_group, topic, partition, "offset", key, status, error, attempts, created_at, value,
               headers::text,
               (SELECT count(*) FROM dead_letters p
                WHERE p.consumer_group = d.consumer_group AND p.topic = d.topic AND p.key = d.key
                  AND p.status = 'parked' AND p.id > d.id)
        FROM dead_letters d
        """

    private static func decode(_ rows: Rows) throws -> [Entry] {
        try rows.map { row in
            Entry(
                id: try row.get(0, as: Int64.self), group: try row.get(1, as: String.self),
                source: InboundMessage.Source(
                    topic: try row.get(2, as: String.self), partition: try row.get(3, as: Int32.self),
                    offset: try row.get(4, as: Int64.self)),
                key: try row.get(5, as: String.self), status: try row.get(6, as: String.self),
                error: try row.get(7, as: String.self), attempts: Int(try row.get(8, as: Int32.self)),
                createdAt: try row.get(9, as: Timestamp.self).microseconds,
                value: try row.get(10, as: [UInt8]?.self), headers: Array(try row.get(11, as: String.self).utf8),
                parkedBehind: try row.get(12, as: Int64.self))
        }
    }
}
