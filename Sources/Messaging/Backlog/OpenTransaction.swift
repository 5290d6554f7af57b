import Postgres

/// A transaction that has been left open, and what it keeps from happening.
///
/// Nothing waits for one to be published: windows go by differences of snapshots, the log has what is committed alone.
/// But PostgreSQL keeps what was deleted since a transaction of the same database has begun (vacuum), and the log since one
/// that has written, anywhere on the server, for the slots that read it.
package struct OpenTransaction: Sendable, Equatable {
    /// Those of which database, and of what kind.
    package enum Kind: String, Sendable, Hashable {
        /// Of the session's own database: they keep deleted rows.
        case holdingRowsHere = "rows"
        /// Of any: they keep the log.
        case writingAnywhere = "log"
    }

    package let database: String
    package let process: Int32
    /// Tells it from the next one of the same session: its id, or the oldest one that it may ask for.
    package let identity: String
    /// When it began, microseconds since the Unix epoch; nil for a role that may not know.
    package let begun: Int64?

    func isSame(as other: OpenTransaction) -> Bool { process == other.process && identity == other.identity }

    /// The one that holds most. Every role may ask.
    package static func oldest(_ kind: Kind, on connection: Connection) throws -> OpenTransaction? {
        let condition =
            switch kind {
            case .holdingRowsHere:
                "datname = current_database() AND (backend_xid IS NOT NULL OR backend_xmin IS NOT NULL)"
            case .writingAnywhere: "backend_xid IS NOT NULL"
            }
        return try connection.query(
            """
            SELECT coalesce(datname::text, ''), pid, coalesce(backend_xid, backend_xmin)::text,
                   (extract(epoch FROM xact_start) * 1000000)::int8
            FROM pg_stat_activity
            WHERE \(condition) AND pid <> pg_backend_pid() AND coalesce(backend_type, '') <> 'walsender'
                -- Autovacuum has no user, and keeps nothing.
                AND usesysid IS NOT NULL
            ORDER BY greatest(age(backend_xid), age(backend_xmin)) DESC LIMIT 1
            """
        ).first.map { row in
            OpenTransaction(
                database: try row.get(0), process: try row.get(1), identity: try row.get(2), begun: try row.get(3))
        }
    }
}

extension OpenTransaction: CustomStringConvertible {
    package var description: String { "process \(process) in database \(database)" }
}
