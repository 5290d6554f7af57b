import Execution
import Logging
import Postgres

/// Keeps an `APIKeyRing` as the table of keys is, on a thread and a connection of its own: a key that is made or revoked
/// is in force in every role within `interval` and the time of one query.
final class APIKeyReader: Sendable {
    static let interval: Duration = .seconds(2)
    /// Looks that ask for changes only, between two that read all keys: a server that was set back to an earlier state
    /// has snapshots that say nothing of ours.
    private static let changesInARow = 150

    private let interval: Duration
    private let ring: APIKeyRing
    private let database: PostgresConfiguration
    private let logger: Logger

    init(
        _ ring: APIKeyRing, database: PostgresConfiguration, interval: Duration = .seconds(2), logger: Logger
    ) {
        self.interval = interval
        var database = database
        database.connectTimeout = min(database.connectTimeout, .seconds(2))
        database.statementTimeout = min(database.statementTimeout, .seconds(2))
        self.ring = ring
        self.database = database
        self.logger = logger
    }

    private struct Progress {
        var connection: Connection
        var snapshot: String?
        var changes = 0
    }

    /// Blocks the calling thread until `stop`.
    func run(until stop: StopSignal) {
        var progress: Progress?
        var isWell = true
        repeat {
            do {
                var current = try progress ?? Progress(connection: Connection(database, logger: logger))
                progress = nil
                try look(&current)
                try writeUses(current.connection)
                progress = current
                if !isWell { logger.info("api_keys_readable") }
                isWell = true
            } catch {
                ring.lost("the API keys can't be read: \(error)")
                if isWell { logger.warning("api_keys_unreadable", metadata: ["error": "\(error)"]) }
                isWell = false
            }
        } while !stop.wait(for: interval)
        if let progress { try? writeUses(progress.connection) }
    }

    private func look(_ progress: inout Progress) throws {
        if progress.changes >= Self.changesInARow { progress.snapshot = nil }
        let (snapshot, keys) = try APIKeyStore.changes(since: progress.snapshot, on: progress.connection)
        ring.take(keys, isWhole: progress.snapshot == nil)
        progress.changes = progress.snapshot == nil ? 0 : progress.changes + 1
        progress.snapshot = snapshot
    }

    private func writeUses(_ connection: Connection) throws {
        let uses = ring.takeUses()
        guard !uses.isEmpty else { return }
        do {
            try APIKeyStore.note(uses, on: connection)
        } catch {
            ring.giveBack(uses)
            throw error
        }
    }
}
