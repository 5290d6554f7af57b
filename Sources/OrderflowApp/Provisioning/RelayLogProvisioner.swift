import Execution
import Logging
import Messaging
import OrderflowKit
import Postgres

/// What `relay.source: wal` needs of a service's database: publications by the owner, the attribute REPLICATION for daemons,
/// and slots. Taken away again for windows: a slot that nobody reads keeps the server's log for ever.
///
/// REPLICATION is more than a daemon otherwise may: who has it can follow every database that it may connect to, and take
/// a copy of the whole server where pg_hba.conf lets its role into the pseudo-database `replication`, which it shouldn't.
struct RelayLogProvisioner {
    let settings: Settings
    let logger: Logger

    /// A transaction that has written and stays open longer leaves the slot to be made by the relay.
    private static let patience: Duration = .seconds(10)

    /// The owner's part, before the rights of its tables are granted.
    ///
    /// - Returns: what couldn't be done, for the operator.
    func prepare(_ database: ServiceDatabase, owner: Connection) throws -> [String] {
        guard settings.relaySource == .wal else { return try remove(from: database, owner: owner) }
        do {
            try RelaySlots.prepare(on: owner)
            return []
        } catch let error as PostgresError where error.sqlState == .insufficientPrivilege {
            return ["relays read by windows: the tables' owner may make no publication (\(error.message))"]
        }
    }

    /// The slots, as the daemons that read them.
    func makeSlots(of database: ServiceDatabase, owner: Connection) throws -> [String] {
        guard settings.relaySource == .wal else { return [] }
        let configuration = try settings.database(of: database)
        let problems = try RelaySlots.obstacles(for: configuration.user, on: owner)
        guard problems.isEmpty else { return problems.map { "relays read by windows: \($0)" } }
        do {
            for source in try RelaySlots.prepare(on: owner) {
                try RelaySlots.make(
                    for: source, in: configuration, within: Self.patience, until: StopSignal(), logger: logger)
            }
            let isGuarded = try owner.query("SELECT current_setting('max_slot_wal_keep_size') <> '-1'").one().get(
                0, as: Bool.self)
            return isGuarded
                ? [] : ["max_slot_wal_keep_size is -1: a slot that nobody reads fills the server's disk; set it"]
        } catch let error as PostgresError {
            // The daemons may have another way to the server than this machine, and make them when they come.
            return ["no slot was made, relays try it themselves: \(error)"]
        }
    }

    private func remove(from database: ServiceDatabase, owner: Connection) throws -> [String] {
        let name = try owner.query("SELECT current_database()::text").one().get(0, as: String.self)
        var notes: [String] = []
        if try RelaySlots.exist(on: owner) {
            do {
                let configuration =
                    settings.serviceDatabaseURL[database.name] == nil
                    ? try settings.administratorDatabase() : owner.configuration
                let administrator = try Connection(configuration, logger: logger)
                defer { administrator.close() }
                notes = try RelaySlots.dropAll(of: name, on: administrator).map {
                    "slot \($0) is in use: run `orderflow migrate` again when the daemons with relay.source=wal are gone"
                }
            } catch let error as PostgresError {
                notes = [
                    "a slot that nobody reads is left, and keeps the server's log; drop it as a superuser with "
                        + "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                        + "WHERE database = '\(name)': \(error.message)"
                ]
            }
        }
        try RelaySlots.remove(on: owner)
        return notes
    }
}
