/// How relays hear of what was committed.
package enum RelayReading: String, Sendable, CaseIterable {
    /// By differences of snapshots (`RelayWindow`).
    case windows
    /// From PostgreSQL's log, through a replication slot (`RelayLogReader`).
    case wal
}
