import Postgres

/// How a source's slot is, as its database says.
struct SlotSight {
    /// Nil where none was made.
    let slot: String?
    /// From which on it sends.
    let snapshot: TransactionSet?
    /// `pg_replication_slots.wal_status`; nil where the slot is gone.
    let state: String?
    /// Of the session that reads it.
    let reader: Int32?
    let hasPublication: Bool
    /// Which tells of messages whose time is yet to come, too.
    let hasSchedule: Bool
    /// `wal_level`.
    let level: String
    /// `max_slot_wal_keep_size`: whether the server gives the slot up before its disk is full.
    let isGuarded: Bool
    /// Commits wait for a standby (`synchronous_standby_names`).
    let hasSynchronousStandby: Bool
    let serverVersion: Int

    static let firstVersion = 140_000
    static let oldServer = "PostgreSQL 14 is the first that sends values of the log in binary"

    /// It can be read.
    var isGood: Bool { slot != nil && state != nil && state != "lost" }

    init(of source: RelaySource, on connection: Connection) throws {
        let isPrepared = try connection.query("SELECT to_regclass('relay_slots') IS NOT NULL").one().get(
            0, as: Bool.self)
        guard isPrepared else { throw LogUnavailable("nothing is prepared for it: run `orderflow migrate`") }
        let row = try connection.query(
            """
            SELECT r.slot, r.snapshot::text, s.wal_status, s.active_pid,
                   EXISTS (SELECT FROM pg_publication WHERE pubname = $2),
                   current_setting('wal_level'), current_setting('max_slot_wal_keep_size') <> '-1',
                   current_setting('synchronous_standby_names') <> '',
                   EXISTS (SELECT FROM pg_publication_tables WHERE pubname = $2 AND tablename = $3)
            FROM (SELECT) one
            LEFT JOIN relay_slots r ON r.source = $1
            LEFT JOIN pg_replication_slots s ON s.slot_name = r.slot AND s.database = current_database()
            """, [.text(source.name), .text(source.publication), .text(RelaySlots.schedule)]
        ).one()
        slot = try row.get(0)
        snapshot = try row.get(1, as: String?.self).flatMap { TransactionSet($0) }
        state = try row.get(2)
        reader = try row.get(3)
        hasPublication = try row.get(4)
        level = try row.get(5)
        isGuarded = try row.get(6)
        hasSynchronousStandby = try row.get(7)
        hasSchedule = try row.get(8)
        serverVersion = connection.serverVersion
    }

    /// Throws what only an operator can mend.
    func check() throws(LogUnavailable) {
        if serverVersion < Self.firstVersion { throw LogUnavailable(Self.oldServer) }
        if level != "logical" { throw LogUnavailable("the server's wal_level is \(level), and has to be logical") }
        if !hasPublication { throw LogUnavailable("its publication is missing: run `orderflow migrate`") }
    }
}

/// Why a relay reads by windows though it should read the log.
struct LogUnavailable: Error, CustomStringConvertible {
    let description: String

    init(_ reason: String) { description = reason }
}
