import Execution
import Logging
import Postgres

/// What a relay needs in the database to read its log: a publication of the table's insertions, a replication slot, and a
/// row of `relay_slots` that says from which snapshot on the slot sends.
///
/// `orderflow migrate` makes all of it, and takes it away when the relay reads by windows again: a slot that nobody reads
/// keeps the server's log until the disk is full. A slot that is gone, or that the server had to give up, is made again by
/// the relay that leads.
package enum RelaySlots {
    /// Slots are the whole server's; the rest of the name is random, so that no slot is ever taken for another.
    static let prefix = "orderflow_relay_"

    /// What `DueMessages` moves into the outbox.
    static let schedule = "scheduled_messages"

    /// Made by the owner of the tables, for each of them that is there. Idempotent.
    ///
    /// - Returns: the sources that the database has.
    @discardableResult
    package static func prepare(on owner: Connection) throws -> [RelaySource] {
        let sources = try sources(on: owner)
        guard !sources.isEmpty else { return [] }
        try owner.script(
            """
            CREATE TABLE IF NOT EXISTS relay_slots (
                source   text PRIMARY KEY,
                slot     text NOT NULL,
                -- What was committed before the slot, and which it doesn't send therefore.
                snapshot pg_snapshot NOT NULL,
                made_at  timestamptz NOT NULL DEFAULT now()
            )
            """)
        for source in sources {
            let exists = try owner.query(
                "SELECT 1 FROM pg_publication WHERE pubname = $1", [.text(source.publication)])
            if exists.isEmpty {
                try owner.script(
                    "CREATE PUBLICATION \(source.publication) FOR TABLE \(source.table) WITH (publish = 'insert')")
            }
            // So that nobody has to look for messages whose time is yet to come.
            let isDeaf = try owner.query(
                """
                SELECT to_regclass($2) IS NOT NULL AND NOT EXISTS (
                    SELECT FROM pg_publication_tables WHERE pubname = $1 AND tablename = $2)
                """, [.text(source.publication), .text(Self.schedule)]
            ).one().get(0, as: Bool.self)
            if source.isOutbox, isDeaf {
                try owner.script("ALTER PUBLICATION \(source.publication) ADD TABLE \(Self.schedule)")
            }
        }
        return sources
    }

    /// Takes the owner's part away again, after the slots.
    package static func remove(on owner: Connection) throws {
        for source in try sources(on: owner) {
            try owner.script("DROP PUBLICATION IF EXISTS \(source.publication)")
        }
        try owner.script("DROP TABLE IF EXISTS relay_slots")
    }

    private static func sources(on connection: Connection) throws -> [RelaySource] {
        try [RelaySource.outbox, .eventStore(topics: [:])].filter { source in
            try connection.query("SELECT to_regclass($1) IS NOT NULL", [.text(source.table)]).one().get(0)
        }
    }

    /// Whether the database has slots of relays.
    package static func exist(on connection: Connection) throws -> Bool {
        try connection.query(
            """
            SELECT EXISTS (
                SELECT FROM pg_replication_slots WHERE database = current_database() AND starts_with(slot_name, $1))
            """, [.text(prefix)]
        ).one().get(0)
    }

    /// What keeps relays from reading the log, with the line that mends it.
    ///
    /// - Parameter role: the one that daemons log in as; nil isn't known.
    package static func obstacles(for role: String?, on connection: Connection) throws -> [String] {
        let row = try connection.query(
            """
            SELECT current_setting('wal_level'), current_setting('max_replication_slots'),
                   (SELECT count(*) FROM pg_replication_slots) >= current_setting('max_replication_slots')::int,
                   (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = $1),
                   EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_replication')
            """, [role.map { .text($0) } ?? .null]
        ).one()
        var obstacles: [String] = []
        if connection.serverVersion < SlotSight.firstVersion { obstacles.append(SlotSight.oldServer) }
        let level = try row.get(0, as: String.self)
        if level != "logical" {
            obstacles.append("wal_level is \(level); ALTER SYSTEM SET wal_level = logical, and start the server anew")
        }
        if try !exist(on: connection), try row.get(2, as: Bool.self) {
            let limit = try row.get(1, as: String.self)
            obstacles.append("all \(limit) slots are taken: raise max_replication_slots and max_wal_senders")
        }
        // Where the provider of the server has a role of its own for it, an attempt has to tell.
        if let role, try row.get(3, as: Bool?.self) == false, try !row.get(4, as: Bool.self) {
            obstacles.append("daemons may not replicate; run as a superuser: ALTER ROLE \(role) REPLICATION")
        }
        return obstacles
    }

    /// Drops a database's slots. Needs the attribute REPLICATION, on any database of the server.
    ///
    /// - Returns: those that are in use, which stay.
    package static func dropAll(of database: String, on connection: Connection) throws -> [String] {
        let slots = try connection.query(
            "SELECT slot_name::text, active FROM pg_replication_slots WHERE database = $1 AND starts_with(slot_name, $2)",
            [.text(database), .text(prefix)])
        var used: [String] = []
        for row in slots {
            let name = try row.get(0, as: String.self)
            do throws(PostgresError) {
                _ = try connection.query("SELECT pg_drop_replication_slot($1)", [.text(name)])
            } catch {
                // 55006: another session has it; 42704: another program has dropped it.
                if error.sqlState?.code == "55006" {
                    used.append(name)
                } else if error.sqlState?.code != "42704" {
                    throw error
                }
            }
        }
        return used
    }

    /// Whether a session reads the source's slot.
    static func isRead(of source: RelaySource, on connection: Connection) throws -> Bool {
        try connection.query(
            """
            SELECT EXISTS (
                SELECT FROM pg_replication_slots
                WHERE database = current_database() AND starts_with(slot_name, $1) AND active)
            """, [.text("\(prefix)\(source.name)_")]
        ).one().get(0)
    }

    /// Makes a source's slot if there is none that is good. Its relay's own, or who has the attribute REPLICATION.
    ///
    /// - Parameter limit: how long transactions that have written may take to end, which it has to wait for.
    package static func make(
        for source: RelaySource, in database: PostgresConfiguration, within limit: Duration, until stop: StopSignal,
        logger: Logger
    ) throws {
        let connection = try Connection(database, logger: logger)
        defer { connection.close() }
        // One at a time: `migrate` and the relays of several processes.
        guard try connection.tryAdvisoryLock(Connection.advisoryKey("relay slot/\(source.name)")) else { return }
        if try SlotSight(of: source, on: connection).isGood { return }
        // First the record: it must never name a slot that was made from another snapshot.
        try connection.execute("DELETE FROM relay_slots WHERE source = $1", [.text(source.name)])
        let own = "\(prefix)\(source.name)_"
        _ = try connection.query(
            """
            SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
            WHERE database = current_database() AND starts_with(slot_name, $1) AND NOT active
            """, [.text(own)])
        let session = try ReplicationConnection(database, logger: logger)
        defer { session.close() }
        let name = own + String(UInt64.random(in: 0...UInt64.max), radix: 36)
        let made = try session.createSlot(name, within: limit, until: stop)
        try connection.execute(
            "INSERT INTO relay_slots (source, slot, snapshot) VALUES ($1, $2, $3::text::pg_snapshot)",
            [.text(source.name), .text(made.name), .text(made.snapshot)])
        logger.info("relay_slot_made", metadata: ["slot": "\(made.name)", "start": "\(made.start)"])
    }
}
