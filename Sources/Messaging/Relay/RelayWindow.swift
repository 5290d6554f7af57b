import Postgres

/// The reading half of the relay: which rows may be published next, and in which order.
///
/// Positions are given out when a row is inserted, but rows become visible when their transaction commits, so
/// "everything behind the last position" skips rows of transactions that commit late; and to wait until nothing older
/// is in progress (`txid < pg_snapshot_xmin`) lets any transaction of any database of the server hold up all rows. So
/// the relay reads differences: a checkpoint is a whole snapshot (PostgreSQL 15 documentation, 9.27, `pg_snapshot`:
/// which transactions have ended), and a window holds the rows that the snapshot of now sees and that one doesn't.
///
/// - **Nothing is skipped, nothing comes twice.** A row is in the window of the first snapshot that sees its transaction,
///   and in no other one: `pg_current_snapshot()` is the very snapshot by which the same statement sees rows, and once a
///   snapshot sees a transaction, every later one does. A transaction that has its id early and inserts or commits late
///   is named by each snapshot taken meanwhile as not ended, however long, and holds up nobody.
/// - **Rows of one key don't swap**, where the next writer of a key writes it after the former one has committed, which
///   the event store's versions and the services' row locks see to. The former one has then ended in each snapshot in
///   which the next one has, so its row lies in the same window or an earlier one; inside a window the order is that of
///   `position`, and its row was inserted first. A window must never be cut by transaction id for that reason: of three
///   transactions the one with the middle id may still be open when the lowest has written a key after the highest. A
///   large window is paged by position.
struct RelayWindow {
    let source: RelaySource
    /// Rows in one page.
    let pageSize: Int

    struct Page {
        var rows: Rows
        /// The checkpoint once these rows are published.
        var next: RelayCheckpoint
    }

    /// The last position of the large window being paged; nil when unknown (after a restart).
    private var lastPosition: Int64?

    init(source: RelaySource, pageSize: Int) {
        self.source = source
        self.pageSize = pageSize
    }

    /// The next rows to publish; none when there are none.
    mutating func nextPage(after checkpoint: RelayCheckpoint, on connection: Connection) throws -> Page {
        if let reach = checkpoint.reach {
            return try page(of: checkpoint, reach: reach, on: connection)
        }
        return try newWindow(after: checkpoint, on: connection)
    }

    /// Rows of `table` whose transaction the snapshot doesn't see: those of transactions that came later, and of each that
    /// was open. What is behind it costs nothing, however long one of those stays open; the ORDER BY and the LIMIT, which
    /// is each part's own, keep the planner on the index by (txid, position) though it may expect a third of the table.
    /// With `txid = …` an index by position alone would give the same order, and where it knows of few transactions the
    /// planner walks through that one.
    ///
    /// - Parameter snapshot: an SQL expression.
    static func unseen(_ table: String, by snapshot: String, limit: String = "ALL") -> String {
        """
        (SELECT * FROM \(table) WHERE txid >= pg_snapshot_xmax(\(snapshot)) ORDER BY txid, position LIMIT \(limit))
        UNION ALL
        (SELECT late.* FROM pg_snapshot_xip(\(snapshot)) AS open (id) CROSS JOIN LATERAL (
            SELECT * FROM \(table) WHERE txid BETWEEN open.id AND open.id ORDER BY txid, position LIMIT \(limit)) late)
        """
    }

    private mutating func newWindow(after checkpoint: RelayCheckpoint, on connection: Connection) throws -> Page {
        // One row more than a page tells whether the window is whole. The snapshot comes once, with the first row.
        let rows = try connection.query(
            """
            SELECT position, \(source.columns),
                   CASE row_number() OVER (ORDER BY position) WHEN 1 THEN pg_current_snapshot()::text END
            FROM (\(Self.unseen(source.table, by: "$1::text::pg_snapshot", limit: "$2"))) page
            ORDER BY position
            LIMIT $2
            """, [.text(checkpoint.seen), .int8(Int64(pageSize + 1))])
        guard let first = rows.first else { return Page(rows: rows, next: checkpoint) }
        let now = try first.get(10, as: String.self)
        if rows.count <= pageSize {
            return Page(
                rows: rows, next: RelayCheckpoint(seen: now, published: checkpoint.published + Int64(rows.count)))
        }
        var paged = checkpoint
        paged.reach = now
        let whole = try bounds(of: checkpoint, now, on: connection)
        paged.position = whole.map { $0.first - 1 } ?? 0
        lastPosition = whole?.last
        return try page(of: paged, reach: now, on: connection)
    }

    private mutating func page(
        of checkpoint: RelayCheckpoint, reach: String, on connection: Connection
    ) throws -> Page {
        var next = checkpoint
        if lastPosition == nil {
            lastPosition = try bounds(of: checkpoint, reach, after: checkpoint.position, on: connection)?.last
        }
        while let last = lastPosition, next.position < last {
            let end = last - next.position > Int64(pageSize) ? next.position + Int64(pageSize) : last
            // A snapshot in a SELECT of its own is read once, not for each row.
            let rows = try connection.query(
                """
                SELECT position, \(source.columns)
                FROM \(source.table)
                WHERE position > $3 AND position <= $4
                    AND NOT pg_visible_in_snapshot(txid, (SELECT $1::text::pg_snapshot))
                    AND pg_visible_in_snapshot(txid, (SELECT $2::text::pg_snapshot))
                ORDER BY position
                """, [.text(checkpoint.seen), .text(reach), .int8(next.position), .int8(end)])
            next.position = end
            next.published += Int64(rows.count)
            if end == last { return finish(next, reach, rows) }
            if !rows.isEmpty { return Page(rows: rows, next: next) }
            // A transaction was open for long: between its rows and the others lie those that are out.
            next.position = try bounds(of: checkpoint, reach, after: end, on: connection).map { $0.first - 1 } ?? last
        }
        return finish(next, reach, try connection.query("SELECT 1 WHERE false"))
    }

    private mutating func finish(_ checkpoint: RelayCheckpoint, _ reach: String, _ rows: Rows) -> Page {
        lastPosition = nil
        return Page(rows: rows, next: RelayCheckpoint(seen: reach, published: checkpoint.published))
    }

    /// The first and last position of a window behind `position`; nil where it has no rows.
    private func bounds(
        of checkpoint: RelayCheckpoint, _ reach: String, after position: Int64 = .min, on connection: Connection
    ) throws -> (first: Int64, last: Int64)? {
        // OFFSET 0 keeps min and max from being turned into a walk over the whole position index.
        let row = try connection.query(
            """
            SELECT min(position), max(position)
            FROM (SELECT position FROM (\(Self.unseen(source.table, by: "$1::text::pg_snapshot"))) unseen
                  WHERE pg_visible_in_snapshot(txid, (SELECT $2::text::pg_snapshot)) AND position > $3 OFFSET 0) rows
            """, [.text(checkpoint.seen), .text(reach), .int8(position)])[0]
        guard let first = try row.get(0, as: Int64?.self), let last = try row.get(1, as: Int64?.self) else {
            return nil
        }
        return (first, last)
    }
}

public enum RelayError: Error, Sendable, CustomStringConvertible {
    /// The database's transaction ids lie below the checkpoint: it was restored from a dump into a new cluster.
    case transactionIDsWentBack(checkpoint: String, current: String)
    /// Another relay has moved the checkpoint: this one had lost the leadership without noticing.
    case fenced(source: String)
    /// The log has got so far ahead of the checkpoint that what is published can't be said in few words.
    case outrun(source: String)

    public var description: String {
        switch self {
        case .transactionIDsWentBack(let checkpoint, let current):
            "the relay's checkpoint (transaction \(checkpoint)) lies ahead of the database (\(current)): "
                + "was it restored into a new cluster? See docs/operations.md, \"Restoring a backup\""
        case .fenced(let source): "another relay has taken over \(source)"
        case .outrun(let source): "the relay of \(source) is too far ahead of its checkpoint and begins anew"
        }
    }
}
