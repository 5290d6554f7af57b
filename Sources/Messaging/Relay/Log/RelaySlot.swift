import Postgres

/// A relay's replication slot, for operators.
package struct RelaySlot: Sendable, Equatable {
    package let name: String
    /// A session reads it.
    package let isRead: Bool
    /// `pg_replication_slots.wal_status`: `reserved` and `extended` are well, `unreserved` is about to be lost.
    package let state: String
    /// Of the server's log, which it keeps.
    package let keptBytes: Int64

    package init(name: String, isRead: Bool, state: String, keptBytes: Int64) {
        self.name = name
        self.isRead = isRead
        self.state = state
        self.keptBytes = keptBytes
    }

    /// Those of the session's database, whatever relays are to read. Every role may ask.
    package static func all(on connection: Connection) throws -> [RelaySlot] {
        try connection.query(
            """
            SELECT slot_name::text, active, coalesce(wal_status, 'unknown'),
                   CASE WHEN pg_is_in_recovery() THEN 0
                        ELSE coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::int8 END
            FROM pg_replication_slots
            WHERE database = current_database() AND starts_with(slot_name, $1) ORDER BY 1
            """, [.text(RelaySlots.prefix)]
        ).map { row in
            RelaySlot(
                name: try row.get(0), isRead: try row.get(1), state: try row.get(2), keptBytes: try row.get(3))
        }
    }
}
