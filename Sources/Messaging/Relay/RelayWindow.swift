import Postgres

/// The reading half of the relay: which rows may be published next, and in which order.
///
/// Positions are given out when a row is inserted, but rows become visible when their transaction commits, so
/// "everything behind the last position" skips rows of transactions that commit late. Therefore the relay reads
/// windows of *finished* transactions: `low ≤ txid < pg_snapshot_xmin(pg_current_snapshot())`. Below a snapshot's xmin
/// nothing is in progress, so nothing can appear in a window once it has been read. Inside a window the order is that
/// of `position`: two events of one stream lie in it in the order of their versions, whichever of their transactions
/// has the lower id. A window must never be cut by txid for that reason; a large one is paged by position.
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

    /// The next rows to publish. A page without rows may still move the checkpoint.
    mutating func nextPage(after checkpoint: RelayCheckpoint, on connection: Connection) throws -> Page {
        if let high = checkpoint.high {
            return try page(of: checkpoint, high: high, on: connection)
        }
        return try newWindow(after: checkpoint, on: connection)
    }

    /// Whether rows are committed beyond the checkpoint, such as those that `nextPage` doesn't give out because an older
    /// transaction is still open.
    func hasRowsAhead(of checkpoint: RelayCheckpoint, on connection: Connection) throws -> Bool {
        // Ordered, so that the planner takes the index though it expects a third of the table.
        try !connection.query(
            "SELECT 1 FROM \(source.table) WHERE txid >= $1::text::xid8 ORDER BY txid, position LIMIT 1",
            [.text(String(checkpoint.low))]
        ).isEmpty
    }

    private mutating func newWindow(after checkpoint: RelayCheckpoint, on connection: Connection) throws -> Page {
        // The inner ORDER BY and LIMIT keep the planner on the (txid, position) index: cost follows the window,
        // not the table. One row more than a page tells whether the window is whole.
        let rows = try connection.query(
            """
            SELECT position, \(source.columns), high::text
            FROM (
                SELECT w.high, t.*
                FROM (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS high) w, \(source.table) t
                WHERE t.txid >= $1::text::xid8 AND t.txid < w.high
                ORDER BY t.txid, t.position
                LIMIT $2
            ) page
            ORDER BY position
            """, [.text(String(checkpoint.low)), .int8(Int64(pageSize + 1))])
        guard let first = rows.first else { return Page(rows: rows, next: checkpoint) }
        let high = try Self.transactionID(first, column: 9)
        if rows.count <= pageSize {
            return Page(
                rows: rows, next: RelayCheckpoint(low: high, published: checkpoint.published + Int64(rows.count)))
        }
        // OFFSET 0 keeps min and max from being turned into a walk over the whole position index.
        let bounds = try connection.query(
            """
            SELECT min(position), max(position)
            FROM (SELECT position FROM \(source.table)
                  WHERE txid >= $1::text::xid8 AND txid < $2::text::xid8 OFFSET 0) rows
            """, [.text(String(checkpoint.low)), .text(String(high))])
        lastPosition = try bounds[0].get(1, as: Int64.self)
        var paged = checkpoint
        paged.high = high
        paged.position = try bounds[0].get(0, as: Int64.self) - 1
        return try page(of: paged, high: high, on: connection)
    }

    private mutating func page(
        of checkpoint: RelayCheckpoint, high: UInt64, on connection: Connection
    ) throws -> Page {
        let window: [Parameter] = [.text(String(checkpoint.low)), .text(String(high))]
        let last: Int64
        if let lastPosition {
            last = lastPosition
        } else {
            let bounds = try connection.query(
                """
                SELECT COALESCE(max(position), 0)
                FROM (SELECT position FROM \(source.table)
                      WHERE txid >= $1::text::xid8 AND txid < $2::text::xid8 OFFSET 0) rows
                """, window)
            last = try bounds[0].get(0, as: Int64.self)
            lastPosition = last
        }
        let upTo = checkpoint.position + Int64(pageSize)
        let rows = try connection.query(
            """
            SELECT position, \(source.columns)
            FROM \(source.table)
            WHERE position > $3 AND position <= $4 AND txid >= $1::text::xid8 AND txid < $2::text::xid8
            ORDER BY position
            """, window + [.int8(checkpoint.position), .int8(upTo)])
        var next = checkpoint
        next.published += Int64(rows.count)
        if upTo >= last {
            next.low = high
            next.high = nil
            next.position = 0
            lastPosition = nil
        } else {
            next.position = upTo
        }
        return Page(rows: rows, next: next)
    }

    private static func transactionID(_ row: Row, column: Int) throws -> UInt64 {
        let text = try row.get(column, as: String.self)
        guard let id = UInt64(text) else { throw RelayError.badTransactionID(text) }
        return id
    }
}

public enum RelayError: Error, Sendable, CustomStringConvertible {
    case badTransactionID(String)
    /// The database's transaction ids lie below the checkpoint: it was restored from a dump into a new cluster.
    case transactionIDsWentBack(checkpoint: UInt64, current: UInt64)
    /// Another relay has moved the checkpoint: this one had lost the leadership without noticing.
    case fenced(source: String)

    public var description: String {
        switch self {
        case .badTransactionID(let text): "not a transaction id: \(text)"
        case .transactionIDsWentBack(let checkpoint, let current):
            "the relay's checkpoint (transaction \(checkpoint)) lies ahead of the database (\(current)): "
                + "was it restored into a new cluster? See docs/operations.md, \"Restoring a backup\""
        case .fenced(let source): "another relay has taken over \(source)"
        }
    }
}
