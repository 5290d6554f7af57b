import Postgres

/// The history of instances. It is in their rows (`SagaRowLog`); lines that have no room there are rows of a table, as are
/// all of instances from before rows had a log.
public enum SagaLog {
    struct Line {
        let key: SagaKey
        let version: Int
        let entry: SagaLogEntry
    }

    /// Writes lines that have left their rows.
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
    /// Where a part begins is a number of lines from the beginning, which stays the same when lines leave the row.
    ///
    /// - Parameter place: how many lines come before the part.
    static func part(
        of saga: StoredSaga, in name: String, after place: Int64, limit: Int, on connection: Connection
    ) throws -> (entries: [SagaLogEntry], next: Int64?) {
        let own = try rowLines(of: saga)
        let before = Int(clamping: min(max(place, 0), Int64(Int32.max)))
        let limit = min(max(limit, 1), Int(Int32.max))
        var lines = own
        var skipped = 0
        if !isWhole(own, version: saga.instance.version) {
            // As many of the table's lines as certainly come before the part, wherever the row's own are among them.
            skipped = max(0, before - own.count)
            let rows = try connection.query(
                """
                SELECT \(columns), version FROM saga_log
                WHERE saga = $1 AND tenant = $2 AND id = $3 AND version <> ALL($4::bigint[])
                ORDER BY version, position OFFSET $5 LIMIT $6
                """,
                [
                    .text(name), .text(saga.key.tenant), .text(saga.key.id),
                    // Lines that have left the row since it was read.
                    .int8Array(Set(own.map { Int64($0.version) }).sorted()), .int(skipped),
                    .int(limit + own.count + 1),
                ])
            let table = try rows.map { row in
                SagaRowLog.Line(version: Int(try row.get(7, as: Int64.self)), entry: try decode(row, of: saga.key))
            }
            lines = merged(table, own)
        }
        let part = lines.dropFirst(before - skipped)
        let entries = try part.prefix(limit).map { line in
            guard let entry = line.entry else {
                throw UnreadableSaga(key: saga.key, detail: "an event in its log that this program doesn't know")
            }
            return entry
        }
        return (entries, part.count > limit ? Int64(before + limit) : nil)
    }

    /// Reads the whole logs of some instances, each in its order, in bounded memory, inside a transaction whose snapshot the
    /// instances are of. A line that this version of the program doesn't know is nil.
    static func read(
        _ sagas: [StoredSaga], in name: String, on connection: Connection,
        _ line: (SagaKey, _ version: Int, SagaLogEntry?) throws -> Void
    ) throws {
        // Lines of rows that are still to come.
        var waiting: [SagaKey: ArraySlice<SagaRowLog.Line>] = [:]
        for saga in sagas {
            let own: [SagaRowLog.Line]
            do {
                own = try rowLines(of: saga)
            } catch is UnreadableSaga {
                try line(saga.key, saga.instance.version, nil)
                continue
            }
            if isWhole(own, version: saga.instance.version) {
                for one in own { try line(saga.key, one.version, one.entry) }
            } else {
                waiting[saga.key] = own[...]
            }
        }
        let keys = waiting.keys.sorted()
        guard !keys.isEmpty else { return }
        try connection.readInBatches(
            """
            SELECT \(columns), version, tenant, id FROM saga_log
            WHERE saga = $1 AND (tenant, id) IN (SELECT * FROM unnest($2::text[], $3::text[]))
            ORDER BY tenant, id, version, position
            """, [.text(name), .textArray(keys.map(\.tenant)), .textArray(keys.map(\.id))]
        ) { rows in
            for row in rows {
                let key = SagaKey(tenant: try row.get(8, as: String.self), id: try row.get(9, as: String.self))
                let version = Int(try row.get(7, as: Int64.self))
                while let own = waiting[key]?.first, own.version < version {
                    waiting[key]?.removeFirst()
                    try line(key, own.version, own.entry)
                }
                let entry: SagaLogEntry?
                do { entry = try decode(row, of: key) } catch is UnreadableSaga { entry = nil }
                try line(key, version, entry)
            }
        }
        for key in keys {
            for own in waiting[key] ?? [] { try line(key, own.version, own.entry) }
        }
    }

    private static func rowLines(of saga: StoredSaga) throws -> [SagaRowLog.Line] {
        do {
            return try saga.log.lines()
        } catch {
            throw UnreadableSaga(key: saga.key, detail: "\(error)")
        }
    }

    /// Whether there is a line of each version, so that none is in the table.
    private static func isWhole(_ lines: [SagaRowLog.Line], version: Int) -> Bool {
        guard let first = lines.first, let last = lines.last, first.version == 1, last.version == version else {
            return false
        }
        var versions = 1
        for (line, next) in zip(lines, lines.dropFirst()) where next.version != line.version { versions += 1 }
        return versions == version
    }

    /// The row's lines are the latest, but for those of a program that writes lines to the table alone and has had the
    /// instance in between.
    private static func merged(_ table: [SagaRowLog.Line], _ own: [SagaRowLog.Line]) -> [SagaRowLog.Line] {
        var all: [SagaRowLog.Line] = []
        all.reserveCapacity(table.count + own.count)
        var rest = own[...]
        for line in table {
            while let next = rest.first, next.version < line.version {
                all.append(next)
                rest.removeFirst()
            }
            all.append(line)
        }
        return all + rest
    }

    private static let columns = "at, event, step, detail, cause, cause_name, message_id"

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
