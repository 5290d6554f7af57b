import Logging
import Postgres
import Schemas

/// What is known of schemas' ids, in a service's database (`MessagingSchema.schemas`).
struct SchemaStore: Sendable {
    struct Entry: Sendable {
        let id: Int32
        let format: SchemaFormat
        let text: String
        /// Nil for a foreign producer's.
        let subject: String?
    }

    let database: PostgresConfiguration
    /// Who has given the ids: a registry's URL, or nobody but ourselves.
    let registry: String
    let logger: Logger

    /// What ids of our own are kept under, whatever registry there is.
    static let own = ""

    /// All that is known of schemas of ours, of whatever release, by ids of the registry or our own.
    func ours() throws -> [(entry: Entry, isOwn: Bool)] {
        try withConnection { connection in
            try connection.query(
                """
                SELECT id, format, schema, subject, registry = '' FROM message_schemas
                WHERE registry IN ('', $1) AND subject IS NOT NULL
                """, [.text(registry)]
            ).compactMap { row in
                guard let entry = try Self.entry(row) else { return nil }
                return (entry, try row.get(4, as: Bool.self))
            }
        }
    }

    /// The schema of an id, which the registry has given or ourselves.
    func entry(of id: Int32) throws -> Entry? {
        try withConnection { connection in
            try connection.query(
                "SELECT id, format, schema, subject FROM message_schemas WHERE registry IN ('', $1) AND id = $2",
                [.text(registry), .int4(id)]
            ).first.flatMap(Self.entry)
        }
    }

    /// Keeps what isn't kept yet.
    func keep(_ entries: [Entry], of registry: String) throws {
        guard !entries.isEmpty else { return }
        try withConnection { connection in
            _ = try connection.query(
                """
                INSERT INTO message_schemas (registry, id, format, schema, subject)
                SELECT $1, * FROM unnest($2::int[], $3::text[], $4::text[], $5::text[])
                ON CONFLICT (registry, id) DO UPDATE SET subject = EXCLUDED.subject
                WHERE message_schemas.subject IS NULL AND EXCLUDED.subject IS NOT NULL
                """,
                [
                    .text(registry), .int4Array(entries.map(\.id)), .textArray(entries.map(\.format.rawValue)),
                    .textArray(entries.map(\.text)), .textArrayOptional(entries.map(\.subject)),
                ])
        }
    }

    private static func entry(_ row: Row) throws -> Entry? {
        guard let format = SchemaFormat(rawValue: try row.get(1, as: String.self)) else { return nil }
        return Entry(
            id: try row.get(0, as: Int32.self), format: format, text: try row.get(2, as: String.self),
            subject: try row.get(3, as: String?.self))
    }

    /// Asked as a process starts, and once for an id that is new to it: no connection is kept for that.
    private func withConnection<Value>(_ body: (Connection) throws -> Value) throws -> Value {
        let connection = try Connection(database, logger: logger)
        defer { connection.close() }
        return try body(connection)
    }
}
