import Postgres

/// An event about to be appended to a stream.
public struct NewEvent: Sendable {
    public let type: String
    public let schemaVersion: Int
    /// The payload.
    public let data: [UInt8]
    public let contentType: ContentType
    public let metadata: EventMetadata

    public init(
        type: String, schemaVersion: Int = 1, data: [UInt8], contentType: ContentType = .json, metadata: EventMetadata
    ) {
        self.type = type
        self.schemaVersion = schemaVersion
        self.data = data
        self.contentType = contentType
        self.metadata = metadata
    }
}

/// An event as a stream has it.
public struct StoredEvent: Sendable {
    public let tenant: String
    public let streamID: String
    public let category: String
    public let version: Int
    public let type: String
    public let schemaVersion: Int
    /// The payload, byte for byte as it was appended.
    public let data: [UInt8]
    public let contentType: ContentType
    public let metadata: [UInt8]
    public let position: Int64
    /// Microseconds since the Unix epoch.
    public let createdAt: Int64

    /// The payload as coders of facts read it.
    ///
    /// - Throws: where this program has no codec of the event's content type, or the codec can't read it.
    public func json(by codecs: PayloadCodecs = .installed) throws(PayloadCodecError) -> [UInt8] {
        try codecs.json(of: data, contentType, type: type, schemaVersion: schemaVersion)
    }
}

/// One stream's next events, valid only if the stream is at `expectedVersion`.
public struct StreamAppend: Sendable {
    public let tenant: String
    public let streamID: String
    public let category: String
    /// The version of the last event that the decision was made on; 0 for a new stream.
    public let expectedVersion: Int
    public let events: [NewEvent]
    /// Kept beside a new stream, where it can be forgotten (`StreamSecrets`); is stored if the events are.
    public let secret: [UInt8]?
    /// Waits for its time, if the events are stored.
    public let scheduled: OutgoingEvent?

    public init(
        tenant: String, streamID: String, category: String, expectedVersion: Int, events: [NewEvent],
        secret: [UInt8]? = nil, scheduled: OutgoingEvent? = nil
    ) {
        precondition(secret == nil || expectedVersion == 0, "a secret of stream \(streamID), which isn't new")
        precondition(expectedVersion >= 0, "no stream is at version \(expectedVersion)")
        precondition(!events.isEmpty, "an append of nothing to stream \(streamID)")
        self.tenant = tenant
        self.streamID = streamID
        self.category = category
        self.expectedVersion = expectedVersion
        self.events = events
        self.secret = secret
        self.scheduled = scheduled
    }

    var isExpress: Bool { events.first?.metadata.priority == .express }
}

/// Reads and writes of the `events` table.
public enum EventStore {
    /// Appends to many streams in one statement. Returns the indexes of `appends` that lost their version to another
    /// writer: nothing of those is written (of two in one call that want the same version, the first one gets it).
    /// Of an append of several events, the later ones may get their versions although the first has lost its: such a
    /// one is taken inside a transaction only, which the caller rolls back when anything has lost.
    public static func append(_ appends: [StreamAppend], on connection: Connection) throws(PostgresError) -> [Int] {
        precondition(
            connection.isInTransaction || appends.allSatisfy { $0.events.count == 1 },
            "an append of several events outside a transaction")
        guard appends.contains(where: { $0.scheduled != nil }) else { return try insert(appends, on: connection) }
        guard connection.isInTransaction else {
            do {
                return try connection.transaction { try append(appends, on: $0) }
            } catch {
                throw PostgresError(thrown: error)
            }
        }
        let lost = try insert(appends, on: connection)
        let losers = Set(lost)
        let scheduled = appends.enumerated().compactMap { losers.contains($0.offset) ? nil : $0.element.scheduled }
        if !scheduled.isEmpty { _ = try connection.pipeline { Schedule.append(scheduled, in: &$0) } }
        return lost
    }

    private static func insert(_ appends: [StreamAppend], on connection: Connection) throws(PostgresError) -> [Int] {
        var rows = EventRows(keepsSecrets: appends.contains { $0.secret != nil })
        for index in order(of: appends) { rows.add(appends[index]) }
        let written = try connection.query(rows.insertSQL, rows.parameters)
        if written.count == rows.count { return [] }
        var won = Set<StreamVersion>()
        for row in written {
            won.insert(
                StreamVersion(
                    tenant: try row.get(0, as: String.self), streamID: try row.get(1, as: String.self),
                    version: Int(try row.get(2, as: Int32.self))))
        }
        var lost: [Int] = []
        for (index, append) in appends.enumerated() {
            // `remove`: the second of two equal appends in one call has lost.
            let first = StreamVersion(
                tenant: append.tenant, streamID: append.streamID, version: append.expectedVersion + 1)
            if won.remove(first) == nil { lost.append(index) }
        }
        return lost
    }

    /// Begins streams that nobody else is expected to begin, for two thirds of what `append` costs the server, which looks
    /// for each of them first and says of each that it is written.
    ///
    /// - Throws: a unique violation where one of them is there already; then none was begun. Inside of a transaction call it
    ///   within a savepoint.
    static func begin(_ appends: [StreamAppend], on connection: Connection) throws(PostgresError) {
        var rows = EventRows(keepsSecrets: appends.contains { $0.secret != nil })
        for index in order(of: appends) { rows.add(appends[index]) }
        _ = try connection.execute(rows.beginSQL, rows.parameters)
    }

    /// In one order for everybody: two writers that want the same streams must not wait for each other in a circle.
    private static func order(of appends: [StreamAppend]) -> [Int] {
        appends.indices.sorted { a, b in
            (appends[a].tenant, appends[a].streamID, appends[a].expectedVersion, a)
                < (appends[b].tenant, appends[b].streamID, appends[b].expectedVersion, b)
        }
    }

    /// The id of a stream that belongs to `key` without being the only one that might: its records have `key` as key.
    public static func streamID(category: String, key: String) -> String { "\(category):\(key)" }

    /// All events of one stream, in order.
    ///
    /// - Parameter categories: that the caller can read. Streams of others are none of its business: what is asked for
    ///   may be a name that a client has made up.
    public static func load(
        tenant: String, streamID: String, categories: Set<String>, on connection: Connection
    ) throws(PostgresError) -> [StoredEvent] {
        try decode(
            connection.query(
                """
                \(selectEvents)
                WHERE tenant = $1 AND stream_id = $2 AND category = ANY($3::text[])
                ORDER BY version
                """, [.text(tenant), .text(streamID), .textArray(categories.sorted())]))
    }

    /// All events of many streams, ordered by stream and version.
    ///
    /// - Parameter categories: that the caller can read; streams of others are left out.
    public static func load(
        tenants: [String], streamIDs: [String], categories: Set<String>, on connection: Connection
    ) throws(PostgresError) -> [StoredEvent] {
        try decode(
            connection.query(
                """
                \(selectEvents)
                WHERE (tenant, stream_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
                  AND category = ANY($3::text[])
                ORDER BY tenant, stream_id, version
                """, [.textArray(tenants), .textArray(streamIDs), .textArray(categories.sorted())]))
    }

    /// Whether the stream that an append has lost is none of the append's own categories: waiting doesn't help then.
    public static func isTaken(
        _ append: StreamAppend, byOtherThan categories: Set<String>, on connection: Connection
    ) throws(PostgresError) -> Bool {
        try connection.query(
            """
            SELECT FROM events WHERE tenant = $1 AND stream_id = $2 AND version = 1 AND category <> ALL($3::text[])
            """, [.text(append.tenant), .text(append.streamID), .textArray(categories.sorted())]
        ).count > 0
    }

    static let selectEvents = """
        SELECT tenant, stream_id, category, version, type, schema_version, data, metadata, position, created_at,
               content_type, raw
        FROM events
        """

    static func decode(_ rows: Rows) throws(PostgresError) -> [StoredEvent] {
        var events: [StoredEvent] = []
        events.reserveCapacity(rows.count)
        for row in rows {
            events.append(
                StoredEvent(
                    tenant: try row.get(0, as: String.self), streamID: try row.get(1, as: String.self),
                    category: try row.get(2, as: String.self), version: Int(try row.get(3, as: Int32.self)),
                    type: try row.get(4, as: String.self), schemaVersion: Int(try row.get(5, as: Int32.self)),
                    data: try row.get(row.isNull(10) ? 6 : 11, as: [UInt8].self),
                    contentType: row.isNull(10) ? .json : ContentType(try row.get(10, as: String.self)),
                    metadata: try row.get(7, as: [UInt8].self),
                    position: try row.get(8, as: Int64.self),
                    createdAt: try row.get(9, as: Timestamp.self).microseconds))
        }
        return events
    }
}

private struct StreamVersion: Hashable {
    let tenant: String
    let streamID: String
    let version: Int
}

/// The columns of one multi-row INSERT.
private struct EventRows {
    var insertSQL: String {
        if hasExpress {
            let insert = Self.deciding(Self.rows(hasOthers: hasOthers, hasExpress: true))
            return secrets.isEmpty ? insert : Self.keeping(hasOthers ? 12 : 10, beside: insert)
        }
        if secrets.isEmpty { return hasOthers ? Self.insertAny : Self.insertJSON }
        return hasOthers ? Self.insertAnyAndSecrets : Self.insertJSONAndSecrets
    }

    /// Without a look for rows that are there.
    var beginSQL: String {
        if secrets.isEmpty {
            if hasExpress { return Self.rows(hasOthers: hasOthers, hasExpress: true) }
            return hasOthers ? Self.beginAny : Self.beginJSON
        }
        let returning = "\nRETURNING tenant, stream_id, version"
        return Self.keeping(
            8 + (hasOthers ? 2 : 0) + (hasExpress ? 1 : 0) + 1,
            beside: Self.rows(hasOthers: hasOthers, hasExpress: hasExpress) + returning)
    }

    private static let beginJSON = rows(hasOthers: false)
    private static let beginAny = rows(hasOthers: true)
    private static let insertJSON = deciding(beginJSON)
    private static let insertAny = deciding(beginAny)

    /// - Parameters:
    ///   - hasOthers: where any payload is no JSON.
    ///   - hasExpress: where any event is of an express order.
    private static func rows(hasOthers: Bool, hasExpress: Bool = false) -> String {
        var columns = [
            ("tenant", "text"), ("stream_id", "text"), ("version", "int"), ("category", "text"), ("type", "text"),
            ("schema_version", "int"), ("data", "json"), ("metadata", "json"),
        ]
        if hasOthers { columns += [("content_type", "text"), ("raw", "bytea")] }
        if hasExpress { columns.append(("express", "boolean")) }
        let arrays = columns.enumerated().map { "$\($0.offset + 1)::\($0.element.1)[]" }
        return """
            INSERT INTO events (\(columns.map(\.0).joined(separator: ", ")))
            SELECT * FROM unnest(\(arrays.joined(separator: ", ")))
            """
    }

    /// Of two writers of one version, one gets it; says who.
    private static func deciding(_ insert: String) -> String {
        """
        \(insert)
        ON CONFLICT (tenant, stream_id, version) DO NOTHING
        RETURNING tenant, stream_id, version
        """
    }

    private static let insertJSONAndSecrets = keeping(9, beside: insertJSON)
    private static let insertAnyAndSecrets = keeping(11, beside: insertAny)

    /// The secrets of streams that `insert` begins, in the same statement.
    ///
    /// - Parameter first: the number of the first parameter that it doesn't use.
    private static func keeping(_ first: Int, beside insert: String) -> String {
        """
        WITH appended AS (\(insert)), kept AS (
            INSERT INTO stream_secrets (tenant, stream_id, secret)
            SELECT secrets.* FROM appended
            JOIN unnest($\(first)::text[], $\(first + 1)::text[], $\(first + 2)::bytea[])
                AS secrets (tenant, stream_id, secret) USING (tenant, stream_id)
            WHERE version = 1
            ON CONFLICT DO NOTHING
        )
        SELECT tenant, stream_id, version FROM appended
        """
    }

    private var tenants: [String] = []
    private var streamIDs: [String] = []
    private var versions: [Int32] = []
    private var categories: [String] = []
    private var types: [String] = []
    private var schemaVersions: [Int32] = []
    private var data: [[UInt8]] = []
    private var metadata: [[UInt8]] = []
    private var contentTypes: [ContentType] = []
    private var hasOthers = false
    private var express: [Bool] = []
    private var hasExpress = false
    /// Whether any of the appends has a secret.
    let keepsSecrets: Bool
    private var secrets: [(key: StreamKey, secret: [UInt8])] = []
    /// Streams that rows begin: of two that begin one, the first one does.
    private var begun: Set<StreamKey> = []

    init(keepsSecrets: Bool) { self.keepsSecrets = keepsSecrets }

    var count: Int { tenants.count }

    mutating func add(_ append: StreamAppend) {
        if keepsSecrets, append.expectedVersion == 0 {
            let key = StreamKey(tenant: append.tenant, streamID: append.streamID)
            if begun.insert(key).inserted, let secret = append.secret { secrets.append((key, secret)) }
        }
        for (index, event) in append.events.enumerated() {
            tenants.append(append.tenant)
            streamIDs.append(append.streamID)
            versions.append(Int32(append.expectedVersion + 1 + index))
            categories.append(append.category)
            types.append(event.type)
            schemaVersions.append(Int32(event.schemaVersion))
            data.append(event.data)
            metadata.append(event.metadata.json())
            contentTypes.append(event.contentType)
            hasOthers = hasOthers || !event.contentType.isJSON
            let isExpress = event.metadata.priority == .express
            express.append(isExpress)
            hasExpress = hasExpress || isExpress
        }
    }

    var parameters: [Parameter] {
        let columns = hasExpress ? self.columns + [.boolArray(express)] : self.columns
        guard !secrets.isEmpty else { return columns }
        return columns + [
            .textArray(secrets.map(\.key.tenant)), .textArray(secrets.map(\.key.streamID)),
            .bytesArrayOptional(secrets.map(\.secret)),
        ]
    }

    private var columns: [Parameter] {
        let head: [Parameter] = [
            .textArray(tenants), .textArray(streamIDs), .int4Array(versions), .textArray(categories),
            .textArray(types), .int4Array(schemaVersions),
        ]
        guard hasOthers else { return head + [.jsonArray(data), .jsonArray(metadata)] }
        let columns = PayloadColumns(zip(data, contentTypes).map { ($0, $1) })
        return head + [
            .jsonArrayOptional(columns.json), .jsonArray(metadata), .textArrayOptional(columns.contentTypes),
            .bytesArrayOptional(columns.raw),
        ]
    }
}
