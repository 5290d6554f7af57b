import Postgres

/// State that is the fold of a stream's events.
public protocol EventSourced: Sendable {
    /// Of the snapshots that this code writes. Raise it when state or fold change: older snapshots are then passed
    /// over, and made again from the events, which are the truth.
    static var snapshotVersion: Int { get }

    /// The state after `event`; `state` is nil before the first one. The event's payload may be of any schema version
    /// that was ever written.
    static func evolve(_ state: Self?, _ event: StoredEvent) throws -> Self

    init(snapshot: UnsafeRawBufferPointer) throws
    func snapshot() -> [UInt8]
}

/// A stream's name.
public struct StreamKey: Hashable, Sendable, Comparable {
    public let tenant: String
    public let streamID: String

    public init(tenant: String, streamID: String) {
        self.tenant = tenant
        self.streamID = streamID
    }

    public static func < (a: StreamKey, b: StreamKey) -> Bool { (a.tenant, a.streamID) < (b.tenant, b.streamID) }
}

/// Loads aggregates from their last snapshot and the events since, any number of them with one query, and takes a
/// snapshot when a stream has grown enough since the last one.
///
/// A snapshot is a cache: it may be missing, old, or thrown away at any time.
public struct Aggregates<State: EventSourced>: Sendable {
    /// A state, and how it came about.
    public struct Loaded: Sendable {
        public let state: State
        /// Of the last event in it.
        public let version: Int
        /// Of the last event in the snapshot that it was loaded from; 0 without one.
        public let snapshotVersion: Int
    }

    /// Of the streams that it loads; those of others it doesn't see.
    public let category: String
    /// Events between two snapshots of a stream, which is also how many are read at most for one.
    public let interval: Int

    public init(category: String, interval: Int = 100) {
        precondition(interval > 0, "a snapshot every \(interval) events")
        self.category = category
        self.interval = interval
    }

    /// The streams that exist.
    public func load(_ keys: [StreamKey], on connection: Connection) throws -> [StreamKey: Loaded] {
        // A snapshot's row comes before those of the events since: its version is lower. MATERIALIZED makes `taken` a
        // bound of the index scan; joined otherwise, a stream's events would all be read and then thrown away.
        let rows = try connection.query(
            """
            WITH wanted AS MATERIALIZED (
                SELECT w.tenant, w.stream_id, coalesce(s.version, 0) AS taken, s.state, s.taken_at
                FROM unnest($1::text[], $2::text[]) AS w (tenant, stream_id)
                LEFT JOIN snapshots s ON s.tenant = w.tenant AND s.stream_id = w.stream_id AND s.format = $3)
            SELECT tenant, stream_id, $4 AS category, taken AS version, '' AS type, 0 AS schema_version, state AS data,
                   '{}'::json AS metadata, 0::bigint AS position, taken_at AS created_at, NULL::text AS content_type,
                   NULL::bytea AS raw
            FROM wanted WHERE taken > 0
            UNION ALL
            SELECT e.tenant, e.stream_id, e.category, e.version, e.type, e.schema_version, e.data, e.metadata, e.position,
                   e.created_at, e.content_type, e.raw
            FROM wanted w
            JOIN events e ON e.tenant = w.tenant AND e.stream_id = w.stream_id AND e.version > w.taken
                AND e.category = $4
            ORDER BY tenant, stream_id, version
            """,
            [
                .textArray(keys.map(\.tenant)), .textArray(keys.map(\.streamID)), .int4(Int32(State.snapshotVersion)),
                .text(category),
            ])
        var loaded: [StreamKey: Loaded] = [:]
        for event in try EventStore.decode(rows) {
            let key = StreamKey(tenant: event.tenant, streamID: event.streamID)
            if event.type.isEmpty {
                let state = try event.data.withUnsafeBytes { try State(snapshot: $0) }
                loaded[key] = Loaded(state: state, version: event.version, snapshotVersion: event.version)
            } else {
                let before = loaded[key]
                // A hole would mean that somebody has deleted events.
                guard event.version == (before?.version ?? 0) + 1 else {
                    throw StreamHole(key: key, version: (before?.version ?? 0) + 1)
                }
                loaded[key] = Loaded(
                    state: try State.evolve(before?.state, event), version: event.version,
                    snapshotVersion: before?.snapshotVersion ?? 0)
            }
        }
        return loaded
    }

    /// Takes the snapshots that are due of what was loaded.
    public func keep(_ loaded: [StreamKey: Loaded], on connection: Connection) throws {
        let due = loaded.filter { $0.value.version - $0.value.snapshotVersion >= interval }.sorted { $0.key < $1.key }
        guard !due.isEmpty else { return }
        _ = try connection.execute(
            """
            INSERT INTO snapshots AS s (tenant, stream_id, version, format, state)
            SELECT tenant, stream_id, version, $4, state
            FROM unnest($1::text[], $2::text[], $3::int[], $5::json[]) AS t (tenant, stream_id, version, state)
            ON CONFLICT (tenant, stream_id) DO UPDATE SET
                version = excluded.version, format = excluded.format, state = excluded.state, taken_at = now()
            WHERE s.version < excluded.version OR s.format <> excluded.format
            """,
            [
                .textArray(due.map(\.key.tenant)), .textArray(due.map(\.key.streamID)),
                .int4Array(due.map { Int32($0.value.version) }), .int4(Int32(State.snapshotVersion)),
                .jsonArray(due.map { $0.value.state.snapshot() }),
            ])
    }
}

/// Events of a stream are missing.
public struct StreamHole: Error, CustomStringConvertible {
    public let key: StreamKey
    public let version: Int
    public var description: String { "stream \(key.streamID) of tenant \(key.tenant) has no event \(version)" }
}
