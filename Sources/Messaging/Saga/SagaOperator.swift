import Execution
import JSON
import Postgres

/// What operators see of sagas, and what they can do about them.
public struct SagaOperator: Sendable {
    private let orchestrator: SagaOrchestrator
    private var definition: SagaDefinition { orchestrator.definition }

    public init(_ orchestrator: SagaOrchestrator) {
        self.orchestrator = orchestrator
    }

    /// What a list is narrowed to.
    public struct Filter: Sendable {
        public var tenant: String
        public var status: SagaInstance.Status?
        /// Only those that need a person, or only those that don't.
        public var attention: Bool?

        public init(tenant: String, status: SagaInstance.Status? = nil, attention: Bool? = nil) {
            self.tenant = tenant
            self.status = status
            self.attention = attention
        }
    }

    /// A place in a list, the newest first.
    public struct Place: Hashable, Sendable {
        public let createdAt: Int64
        public let id: String

        public init(createdAt: Int64, id: String) {
            self.createdAt = createdAt
            self.id = id
        }
    }

    /// How many instances of a saga are where, and how many of those need a person. Reads all of them.
    public static func counts(
        of saga: String, on connection: Connection
    ) throws -> [(status: String, count: Int64, attention: Int64)] {
        try connection.query(
            """
            SELECT status, count(*), count(attention) FROM saga_instances WHERE saga = $1 GROUP BY status ORDER BY status
            """, [.text(saga)]
        ).map { row in
            (
                try row.get(0, as: String.self), try row.get(1, as: Int64.self), try row.get(2, as: Int64.self)
            )
        }
    }

    /// One page of instances, and where the next one starts.
    public struct Page: Sendable {
        public let sagas: [StoredSaga]
        /// Those of the page that this version of the program can't read.
        public let unreadable: [UnreadableSaga]
        public let next: Place?
    }

    /// The newest first.
    public func list(
        _ filter: Filter, after place: Place? = nil, limit: Int, on connection: Connection
    ) throws -> Page {
        let rows = try connection.query(
            """
            \(SagaStore.select)
            WHERE saga = $1 AND tenant = $2
              AND ($3::text IS NULL OR status = $3)
              AND ($4::bool IS NULL OR (attention IS NOT NULL) = $4)
              AND ($5::timestamptz IS NULL OR (created_at, id) < ($5, $6))
            ORDER BY created_at DESC, id DESC
            LIMIT $7
            """,
            [
                .text(definition.name), .text(filter.tenant), .text(filter.status?.rawValue),
                .bool(filter.attention), .timestamp(place.map { Timestamp(microseconds: $0.createdAt) }),
                .text(place?.id ?? ""), .int(min(limit, .max - 1) + 1),
            ])
        let page = rows.prefix(limit)
        let (sagas, unreadable) = try SagaStore.decodeEach(page, of: definition)
        var next: Place?
        if rows.count > limit, let last = page.last {
            next = Place(
                createdAt: try last.get(9, as: Timestamp.self).microseconds, id: try last.get(1, as: String.self))
        }
        return Page(sagas: sagas, unreadable: unreadable, next: next)
    }

    /// Instances of any tenant that need a person, the oldest first.
    public func troubled(limit: Int, on connection: Connection) throws -> [StoredSaga] {
        try SagaStore.decode(
            connection.query(
                """
                \(SagaStore.select) WHERE saga = $1 AND attention IS NOT NULL ORDER BY created_at LIMIT $2
                """, [.text(definition.name), .int(limit)]), of: definition)
    }

    /// Instances of any tenant under way, those that the clock will look at first: where all have the same time for a step,
    /// these are the ones that wait for longest. Of them, the one whose time is up first first. Costs the same however many
    /// there are.
    public func nextDue(limit: Int, on connection: Connection) throws -> [StoredSaga] {
        try SagaStore.decode(
            connection.query(
                """
                \(SagaStore.select) WHERE saga = $1 AND due_at IS NOT NULL AND ended_at IS NULL ORDER BY due_at LIMIT $2
                """, [.text(definition.name), .int(limit)]), of: definition
        ).sorted { ($0.instance.nextDeadline ?? .max, $0.key) < ($1.instance.nextDeadline ?? .max, $1.key) }
    }

    /// Those of `keys` that are under way, and those that can't be read.
    public func open(
        _ keys: some Sequence<SagaKey>, on connection: Connection
    ) throws -> (sagas: [StoredSaga], unreadable: [UnreadableSaga]) {
        let keys = Set(keys).sorted()
        return try SagaStore.decodeEach(
            connection.query(
                """
                \(SagaStore.select)
                WHERE saga = $1 AND (tenant, id) IN (SELECT * FROM unnest($2::text[], $3::text[])) AND ended_at IS NULL
                ORDER BY tenant, id
                """, [.text(definition.name), .textArray(keys.map(\.tenant)), .textArray(keys.map(\.id))]),
            of: definition)
    }

    /// One instance with a part of its history, and where the next part begins.
    public struct Shown: Sendable {
        public let saga: StoredSaga
        public let log: [SagaLogEntry]
        /// For `logAfter`; nil where there is no more.
        public let nextLog: Int64?
    }

    /// Lines of history that `show` gives unless it is told otherwise: of an order that needs no person it is all.
    public static let logLimit = 500

    /// Nil where there is no such instance.
    ///
    /// - Parameter logAfter: the history's part begins behind it; 0 is the beginning.
    public func show(
        _ key: SagaKey, logAfter: Int64 = 0, limit: Int = logLimit, on connection: Connection
    ) throws -> Shown? {
        let rows = try connection.query(
            "\(SagaStore.select) WHERE saga = $1 AND tenant = $2 AND id = $3",
            [.text(definition.name), .text(key.tenant), .text(key.id)])
        guard let saga = try SagaStore.decode(rows, of: definition).first else { return nil }
        let (log, next) = try SagaLog.part(
            of: saga, in: definition.name, after: logAfter, limit: limit, on: connection)
        return Shown(saga: saga, log: log, nextLog: next)
    }

    /// Those of `keys` that there are, each with the beginning of its history: one statement, and one more for each whose
    /// history has left its row.
    public func show(
        _ keys: some Sequence<SagaKey>, limit: Int, on connection: Connection
    ) throws -> (sagas: [Shown], unreadable: [UnreadableSaga]) {
        let keys = Set(keys).sorted()
        let (sagas, unreadable) = try SagaStore.decodeEach(
            connection.query(
                """
                \(SagaStore.select)
                WHERE saga = $1 AND (tenant, id) IN (SELECT * FROM unnest($2::text[], $3::text[])) ORDER BY tenant, id
                """, [.text(definition.name), .textArray(keys.map(\.tenant)), .textArray(keys.map(\.id))]),
            of: definition)
        let shown = try sagas.map { saga in
            let (log, next) = try SagaLog.part(of: saga, in: definition.name, after: 0, limit: limit, on: connection)
            return Shown(saga: saga, log: log, nextLog: next)
        }
        return (shown, unreadable)
    }

    /// As `show`, with all of its history, for those who asked for this one instance and wait.
    public func showWhole(_ key: SagaKey, on connection: Connection) throws -> Shown? {
        guard let first = try show(key, on: connection) else { return nil }
        var (log, next) = (first.log, first.nextLog)
        while let place = next {
            let more = try SagaLog.part(
                of: first.saga, in: definition.name, after: place, limit: Self.logLimit, on: connection)
            log += more.entries
            next = more.next
        }
        return Shown(saga: first.saga, log: log, nextLog: nil)
    }

    /// Asks again now for what the instance waits for. Nil where there is no such instance; throws `SagaRefusal`.
    public func retry(
        _ key: SagaKey, note: String, by actor: AuditActor, on connection: Connection
    ) throws -> StoredSaga? {
        try move(
            key, .retry(note: note, by: actor.shownName),
            AuditEntry(by: actor, .sagaRetried, on: key.id, tenant: key.tenant, reason: note), on: connection)
    }

    /// Notes that an operator took care of a step's compensation (or the pivot, the abort, an anomaly) by hand, so that
    /// the instance goes on. Nil where there is no such instance; throws `SagaRefusal`.
    public func resolve(
        _ key: SagaKey, step: String?, note: String, by actor: AuditActor, on connection: Connection
    ) throws -> StoredSaga? {
        var json = JSONWriter()
        json.object { $0.field("step", step) }
        return try move(
            key, .resolve(step: step, note: note, by: actor.shownName),
            AuditEntry(by: actor, .sagaResolved, on: key.id, tenant: key.tenant, reason: note, detail: json.bytes),
            on: connection)
    }

    /// The relay of whatever daemon runs is told of the commands in the outbox.
    private func move(
        _ key: SagaKey, _ input: SagaInput, _ entry: AuditEntry, on connection: Connection
    ) throws -> StoredSaga? {
        try connection.transaction { connection in
            // No daemon of this version may have started yet.
            try SagaDefinitions.record(definition, on: connection)
            var batch = SagaBatch(orchestrator, try orchestrator.lock([key], on: connection))
            try batch.apply(input, to: key, at: WallClock.nowMicroseconds())
            try batch.write(on: connection)
            try Outbox.append(batch.outbox, on: connection)
            if !batch.outbox.isEmpty { try RelaySource.outbox.announce(on: connection) }
            guard let saga = batch[key] else { return nil }
            try AuditLog.append(entry, on: connection)
            return saga
        }
    }
}
