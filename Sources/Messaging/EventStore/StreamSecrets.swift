import Postgres

/// What was kept beside streams, sealed: events are for ever, and this isn't.
public enum StreamSecrets {
    /// Of those streams that have one still.
    public static func load(_ keys: [StreamKey], on connection: Connection) throws -> [StreamKey: [UInt8]] {
        guard !keys.isEmpty else { return [:] }
        let rows = try connection.query(
            """
            SELECT tenant, stream_id, secret FROM stream_secrets
            WHERE (tenant, stream_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
            """, [.textArray(keys.map(\.tenant)), .textArray(keys.map(\.streamID))])
        return try rows.reduce(into: [:]) { secrets, row in
            let key = StreamKey(tenant: try row.get(0, as: String.self), streamID: try row.get(1, as: String.self))
            secrets[key] = try row.get(2, as: [UInt8].self)
        }
    }

    public static func forget(_ keys: [StreamKey], on connection: Connection) throws {
        guard !keys.isEmpty else { return }
        _ = try connection.execute(
            """
            DELETE FROM stream_secrets WHERE (tenant, stream_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
            """, [.textArray(keys.map(\.tenant)), .textArray(keys.map(\.streamID))])
    }
}
