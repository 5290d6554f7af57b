import Postgres

/// A question about what waits in a service's tables, whose answer becomes gauges.
public struct BacklogQuery: Sendable {
    let metric: String
    let dimensions: [(String, String)]
    let variable: [String]
    let sql: String
    let parameters: [Parameter]
    /// Whether its value is work that waits.
    let isWork: Bool

    /// - Parameters:
    ///   - dimensions: labels of all values.
    ///   - variable: labels whose values the rows say. Combinations must be few.
    ///   - sql: answers with rows of a `float8`, then a `text` for each variable label. It runs every few seconds, so an
    ///     index has to carry it.
    ///   - isWork: false where a value that isn't 0 keeps nobody awake.
    public init(
        _ metric: String, dimensions: [(String, String)] = [], variable: [String] = [], sql: String,
        parameters: [Parameter] = [], isWork: Bool = true
    ) {
        self.metric = metric
        self.dimensions = dimensions
        self.variable = variable
        self.sql = sql
        self.parameters = parameters
        self.isWork = isWork
    }

    /// Rows that are counted at most: beyond it the exact number means nothing any more.
    private static let countLimit = 100_000

    /// Committed rows that a relay hasn't published.
    public static func relay(_ source: RelaySource, service: String) -> BacklogQuery {
        BacklogQuery(
            "orderflow_relay_backlog_rows", dimensions: [("service", service), ("source", source.name)],
            sql: """
                WITH checkpoint AS (
                    SELECT \(RelayCheckpointStore.seen) AS seen, \(RelayCheckpointStore.reach) AS reach, position
                    FROM relay_checkpoints WHERE source = $1)
                SELECT count(*)::float8 FROM (
                    SELECT 1 FROM (\(RelayWindow.unseen(source.table, by: "(SELECT seen FROM checkpoint)"))) unseen
                    WHERE (SELECT reach FROM checkpoint) IS NULL OR position > (SELECT position FROM checkpoint)
                        OR NOT pg_visible_in_snapshot(txid, (SELECT reach FROM checkpoint))
                    LIMIT \(countLimit)) waiting
                """, parameters: [.text(source.name)])
    }

    /// Bytes of the server's log that are kept for a relay that reads it, by the slot's `wal_status`.
    public static func slot(_ source: RelaySource, service: String) -> BacklogQuery {
        BacklogQuery(
            "orderflow_relay_slot_lag_bytes", dimensions: [("service", service), ("source", source.name)],
            variable: ["status"],
            sql: """
                SELECT greatest(coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0), 1)::float8, wal_status
                FROM pg_replication_slots WHERE database = current_database() AND starts_with(slot_name, $1)
                ORDER BY wal_status = 'lost' LIMIT 1
                """, parameters: [.text("\(RelaySlots.prefix)\(source.name)_")], isWork: false)
    }

    /// Letters of a group that wait for an operator (`dead`), behind one (`parked`), or for the redelivery (`retry`).
    public static func deadLetters(group: String) -> BacklogQuery {
        BacklogQuery(
            "orderflow_consumer_open_letters", dimensions: [("group", group)], variable: ["status"],
            sql: """
                SELECT count(*)::float8, status FROM dead_letters
                WHERE consumer_group = $1 AND status IN ('dead', 'retry') GROUP BY status
                UNION ALL
                SELECT sum(waiting)::float8, 'parked' FROM parked_keys WHERE consumer_group = $1 HAVING sum(waiting) > 0
                """, parameters: [.text(group)])
    }

    /// Keys of a group that are held up.
    public static func parkedKeys(group: String) -> BacklogQuery {
        BacklogQuery(
            "orderflow_consumer_parked_keys", dimensions: [("group", group)],
            sql: "SELECT count(*)::float8 FROM parked_keys WHERE consumer_group = $1", parameters: [.text(group)])
    }
}
