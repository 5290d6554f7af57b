import Postgres

/// Reads and writes of `saga_instances`, whole batches at once.
///
/// Who changes instances locks their rows first, or holds what it knows of them against the rows' `xmin`. A batch of facts
/// goes in the order of the keys, so that two of them hardly ever wait for each other in a circle, which PostgreSQL ends; the
/// clock takes only rows that aren't locked, so it never waits at all.
enum SagaStore {
    static func lock(
        _ keys: [SagaKey], of definition: SagaDefinition, on connection: Connection
    ) throws -> [StoredSaga] {
        try decode(
            connection.query(
                """
                \(select)
                WHERE saga = $1 AND (tenant, id) IN (SELECT * FROM unnest($2::text[], $3::text[]))
                ORDER BY tenant, id
                FOR UPDATE
                """, [.text(definition.name), .textArray(keys.map(\.tenant)), .textArray(keys.map(\.id))]),
            of: definition)
    }

    /// Locks instances that are due at `now` and not in other hands, the longest waiting first; those that
    /// can't be read apart.
    static func lockDue(
        at now: Int64, limit: Int, of definition: SagaDefinition, on connection: Connection
    ) throws -> (sagas: [StoredSaga], unreadable: [UnreadableSaga]) {
        try decodeEach(
            connection.query(
                """
                \(select)
                WHERE saga = $1 AND due_at <= $2 AND ended_at IS NULL
                ORDER BY due_at
                LIMIT $3
                FOR UPDATE SKIP LOCKED
                """, [.text(definition.name), .timestamp(now), .int(limit)]),
            of: definition)
    }

    /// When the next instance is due, or was, microseconds since the Unix epoch; nil while none will be. Reads one entry of
    /// an index.
    static func nextDue(of definition: SagaDefinition, on connection: Connection) throws -> Int64? {
        try connection.query(
            "SELECT min(due_at) FROM saga_instances WHERE saga = $1 AND due_at IS NOT NULL AND ended_at IS NULL",
            [.text(definition.name)]
        ).one().get(0, as: Timestamp?.self)?.microseconds
    }

    /// A change of one instance. `loadedVersion` is nil for one that wasn't there.
    ///
    /// A class, since an instance has many parts and goes from one collection to the next.
    final class Change {
        let saga: StoredSaga
        let loadedVersion: Int?
        /// The start isn't stored yet.
        let startIsNew: Bool
        /// The clock has looked at it: it is to be looked at again when its next deadline comes, and not before.
        let isLookedAt: Bool

        init(saga: StoredSaga, loadedVersion: Int?, startIsNew: Bool, isLookedAt: Bool) {
            self.saga = saga
            self.loadedVersion = loadedVersion
            self.startIsNew = startIsNew
            self.isLookedAt = isLookedAt
        }
    }

    /// Writes instances, and lines that have left their logs. Returns the `xmin` that all of their rows have now. Throws
    /// `ConcurrentChange` when one isn't as it was loaded: of those that are locked it can only be one that two batches make at
    /// once.
    static func save(
        _ changes: [Change], _ log: [SagaLog.Line], of definition: SagaDefinition, on connection: Connection
    ) throws -> String? {
        let new = changes.filter { $0.loadedVersion == nil }
        let old = changes.filter { $0.loadedVersion != nil }
        let answers = try ConcurrentChange.inserting("a saga \(definition.name)") {
            try connection.pipeline { pipeline in
                SagaLog.append(log, saga: definition.name, in: &pipeline)
                if !new.isEmpty { insert(new, of: definition, in: &pipeline) }
                if !old.isEmpty { update(old, of: definition, in: &pipeline) }
            }
        }
        guard answers.reduce(0, { $0 + $1.affected }) == log.count + changes.count else {
            throw ConcurrentChange(streamID: "a saga \(definition.name)")
        }
        return try answers.last?.first?.get(0, as: String.self)
    }

    private static func insert(_ changes: [Change], of definition: SagaDefinition, in pipeline: inout Pipeline) {
        pipeline.query(
            """
            INSERT INTO saga_instances (saga, tenant, id, status, version, due_at, attention, started_at, ended_at,
                                        start, state, log, created_at, correlation_id, traceparent, definition,
                                        led_by)
            SELECT $1, *, $16, $16 FROM unnest(
                $2::text[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::text[], $8::timestamptz[],
                $9::timestamptz[], $10::json[], $11::json[], $12::bytea[], $13::timestamptz[], $14::text[],
                $15::text[])
                AS t (tenant, id)
            ORDER BY tenant, id
            RETURNING xmin::text
            """,
            columns(changes, of: definition) + [
                .timestampArray(changes.map(\.saga.createdAt)), .textArray(changes.map(\.saga.correlationID)),
                .textArrayOptional(changes.map(\.saga.traceparent)), .text(definition.fingerprint),
            ])
    }

    /// The usual change leaves every indexed column as it was, so that the row stays on its page and no index is written
    /// (heap-only tuples): `due_at` is when to look at the instance, and moves to a later time only once the clock has looked.
    /// The payload of the start goes with the end, after which no command is made from it.
    private static func update(_ changes: [Change], of definition: SagaDefinition, in pipeline: inout Pipeline) {
        pipeline.query(
            """
            UPDATE saga_instances s SET
                status = t.status, version = t.version, attention = t.attention, started_at = t.started_at,
                ended_at = t.ended_at, state = t.state, log = t.log, led_by = $15, updated_at = now(),
                due_at = CASE WHEN t.looked_at OR t.ended_at IS NOT NULL THEN t.due_at
                         ELSE LEAST(s.due_at, t.due_at) END,
                start = CASE WHEN t.ended_at IS NULL THEN COALESCE(t.start, s.start) END
            FROM unnest(
                $2::text[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::text[], $8::timestamptz[],
                $9::timestamptz[], $10::json[], $11::json[], $12::bytea[], $13::bigint[], $14::bool[], $16::text[])
                AS t (tenant, id, status, version, due_at, attention, started_at, ended_at, start, state, log, loaded,
                      looked_at, known)
            WHERE s.saga = $1 AND s.tenant = t.tenant AND s.id = t.id AND s.version = t.loaded
                AND (t.known IS NULL OR s.xmin = t.known::xid)
            RETURNING s.xmin::text
            """,
            columns(changes, of: definition) + [
                .int8Array(changes.map { Int64($0.loadedVersion ?? 0) }), .boolArray(changes.map(\.isLookedAt)),
                .text(definition.fingerprint), .textArrayOptional(changes.map(\.saga.row)),
            ])
    }

    /// Keeps the clock from an instance that it can't move, until an operator or a fact does.
    static func shelve(
        _ key: SagaKey, of definition: SagaDefinition, attention: String, on connection: Connection
    ) throws {
        _ = try connection.execute(
            """
            UPDATE saga_instances SET due_at = NULL, attention = $4 WHERE saga = $1 AND tenant = $2 AND id = $3
            """, [.text(definition.name), .text(key.tenant), .text(key.id), .text(attention.withoutNUL)])
    }

    /// When the clock has to look. At a new instance as soon as any of its steps could be late, were it asked for now, so that
    /// no later step moves the time forwards.
    private static func firstLook(at change: Change, of definition: SagaDefinition) -> Int64? {
        guard let deadline = change.saga.instance.nextDeadline, change.loadedVersion == nil else {
            return change.saga.instance.nextDeadline
        }
        return min(deadline, change.saga.createdAt + definition.shortestWait)
    }

    private static func columns(_ changes: [Change], of definition: SagaDefinition) -> [Parameter] {
        let instances = changes.map(\.saga.instance)
        return [
            .text(definition.name), .textArray(changes.map(\.saga.key.tenant)), .textArray(changes.map(\.saga.key.id)),
            .textArray(instances.map(\.status.rawValue)), .int8Array(instances.map { Int64($0.version) }),
            .timestampArrayOptional(changes.map { firstLook(at: $0, of: definition) }),
            .textArrayOptional(instances.map(\.attention?.withoutNUL)),
            .timestampArrayOptional(instances.map(\.startedAt)), .timestampArrayOptional(instances.map(\.endedAt)),
            .jsonArrayOptional(changes.map { $0.startIsNew ? $0.saga.instance.start : nil }),
            .jsonArray(instances.map { $0.stateJSON() }), .bytesArray(changes.map(\.saga.log.bytes)),
        ]
    }

    static let select = """
        SELECT tenant, id, status, version, attention, started_at, ended_at, start, state, created_at, correlation_id,
               traceparent, definition, led_by, log
        FROM saga_instances
        """

    static func decode(_ rows: Rows, of definition: SagaDefinition) throws -> [StoredSaga] {
        try rows.map { try decode($0, of: definition) }
    }

    /// As `decode`, but one row that can't be read doesn't hide the others.
    static func decodeEach(
        _ rows: some Sequence<Row>, of definition: SagaDefinition
    ) throws -> (sagas: [StoredSaga], unreadable: [UnreadableSaga]) {
        var sagas: [StoredSaga] = []
        var unreadable: [UnreadableSaga] = []
        for row in rows {
            do {
                sagas.append(try decode(row, of: definition))
            } catch let error as UnreadableSaga {
                unreadable.append(error)
            }
        }
        return (sagas, unreadable)
    }

    private static func decode(_ row: Row, of definition: SagaDefinition) throws -> StoredSaga {
        try decode(row, steps: definition.steps.map(\.id))
    }

    /// - Parameter steps: those of the definition that it is to be read by.
    static func decode(_ row: Row, steps: [String]) throws -> StoredSaga {
        let key = SagaKey(tenant: try row.get(0, as: String.self), id: try row.get(1, as: String.self))
        var instance = SagaInstance(id: key.id, steps: steps)
        let status = try row.get(2, as: String.self)
        guard let known = SagaInstance.Status(rawValue: status) else {
            throw UnreadableSaga(key: key, detail: "status \(status)")
        }
        instance.status = known
        instance.version = Int(try row.get(3, as: Int64.self))
        instance.attention = try row.get(4, as: String?.self)
        instance.startedAt = try row.get(5, as: Timestamp?.self)?.microseconds
        instance.endedAt = try row.get(6, as: Timestamp?.self)?.microseconds
        instance.start = try row.get(7, as: [UInt8]?.self) ?? []
        do {
            try row.withBytes(8) { try instance.readState($0) }
        } catch {
            throw UnreadableSaga(key: key, detail: "state \(error)")
        }
        var saga = StoredSaga(
            key: key, instance: instance, createdAt: try row.get(9, as: Timestamp.self).microseconds,
            correlationID: try row.get(10, as: String.self), traceparent: try row.get(11, as: String?.self),
            definition: try row.get(12, as: String.self), ledBy: try row.get(13, as: String.self))
        saga.log = SagaRowLog(try row.get(14, as: [UInt8].self))
        return saga
    }
}

/// A row says something that this version of the program doesn't know.
public struct UnreadableSaga: Error, Sendable, CustomStringConvertible {
    public let key: SagaKey
    public let detail: String
    public var description: String { "can't read saga \(key.id) of tenant \(key.tenant): \(detail)" }
}

extension String {
    /// PostgreSQL's text has no U+0000.
    var withoutNUL: String { utf8.contains(0) ? replacing("\0", with: "\u{FFFD}") : self }
}
