import Postgres

/// The history of instances, one row a line.
public enum SagaLog {
    struct Line {
        let key: SagaKey
        let version: Int
        let entry: SagaLogEntry
    }

    static func append(_ rows: [Line], saga: String, in pipeline: inout Pipeline) {
        guard !rows.isEmpty else { return }
        let causes = rows.map { Columns($0.entry.cause) }
        pipeline.query(
            """
            INSERT INTO saga_log (saga, tenant, id, version, at, event, step, detail, cause, cause_name, message_id)
            SELECT $1, * FROM unnest(
                $2::text[], $3::text[], $4::bigint[], $5::timestamptz[], $6::text[], $7::text[], $8::text[],
                $9::text[], $10::text[], $11::text[])
            """,
            [
                .text(saga), .textArray(rows.map(\.key.tenant)), .textArray(rows.map(\.key.id)),
                .int8Array(rows.map { Int64($0.version) }), .timestampArray(rows.map(\.entry.at)),
                .textArray(rows.map(\.entry.event.rawValue)), .textArrayOptional(rows.map(\.entry.step)),
                .textArrayOptional(rows.map(\.entry.detail?.withoutNUL)), .textArray(causes.map(\.kind)),
                .textArrayOptional(causes.map(\.name?.withoutNUL)), .textArrayOptional(causes.map(\.messageID)),
            ])
    }

    /// A part of what happened to one instance, in order, and where the next part begins; nil where there is no more.
    ///
    /// - Parameter position: of the last line before the part.
    static func load(
        _ key: SagaKey, saga: String, after position: Int64, limit: Int, on connection: Connection
    ) throws -> (entries: [SagaLogEntry], next: Int64?) {
        let rows = try connection.query(
            """
            SELECT \(columns) FROM saga_log
            WHERE saga = $1 AND tenant = $2 AND id = $3 AND position > $4 ORDER BY position LIMIT $5
            """,
            [.text(saga), .text(key.tenant), .text(key.id), .int8(position), .int(min(limit, .max - 1) + 1)])
        let entries = try rows.prefix(limit).map { try decode($0, of: key) }
        guard rows.count > limit, let last = rows.prefix(limit).last else { return (entries, nil) }
        return (entries, try last.get(7, as: Int64.self))
    }

    /// Reads the whole logs of some instances, each in its order, in bounded memory. A line that this version of the program
    /// doesn't know is nil.
    static func read(
        _ keys: [SagaKey], saga: String, on connection: Connection,
        _ line: (SagaKey, _ version: Int, SagaLogEntry?) throws -> Void
    ) throws {
        try connection.readInBatches(
            """
            SELECT \(columns), tenant, id, version FROM saga_log
            WHERE saga = $1 AND (tenant, id) IN (SELECT * FROM unnest($2::text[], $3::text[]))
            ORDER BY tenant, id, position
            """, [.text(saga), .textArray(keys.map(\.tenant)), .textArray(keys.map(\.id))]
        ) { rows in
            for row in rows {
                let key = SagaKey(tenant: try row.get(8, as: String.self), id: try row.get(9, as: String.self))
                let version = Int(try row.get(10, as: Int64.self))
                let entry: SagaLogEntry?
                do { entry = try decode(row, of: key) } catch is UnreadableSaga { entry = nil }
                try line(key, version, entry)
            }
        }
    }

    private static let columns = "at, event, step, detail, cause, cause_name, message_id, position"

    private static func decode(_ row: Row, of key: SagaKey) throws -> SagaLogEntry {
        let event = try row.get(1, as: String.self)
        guard let known = SagaLogEntry.Event(rawValue: event) else {
            throw UnreadableSaga(key: key, detail: "event \(event)")
        }
        let cause = Columns(
            kind: try row.get(4, as: String.self), name: try row.get(5, as: String?.self),
            messageID: try row.get(6, as: String?.self))
        return SagaLogEntry(
            at: try row.get(0, as: Timestamp.self).microseconds, cause: cause.value, event: known,
            step: try row.get(2, as: String?.self), detail: try row.get(3, as: String?.self))
    }

    /// A cause in three columns.
    private struct Columns {
        let kind: String
        let name: String?
        let messageID: String?

        init(kind: String, name: String?, messageID: String?) {
            self.kind = kind
            self.name = name
            self.messageID = messageID
        }

        init(_ cause: SagaCause) {
            switch cause {
            case .message(let id, let type): self.init(kind: "message", name: type, messageID: id)
            case .deadline: self.init(kind: "deadline", name: nil, messageID: nil)
            case .operator(let who): self.init(kind: "operator", name: who, messageID: nil)
            }
        }

        var value: SagaCause {
            switch kind {
            case "message": .message(id: messageID ?? "", type: name ?? "")
            case "operator": .operator(name ?? "")
            default: .deadline
            }
        }
    }
}
