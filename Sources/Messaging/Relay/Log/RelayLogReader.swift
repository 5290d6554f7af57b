import Execution
import Postgres

/// Reads a source's rows from PostgreSQL's log, in the order of commits: pages of the very rows that `RelayWindow` has.
///
/// Only what is committed is sent, each transaction whole and by itself. A page holds whole transactions, but for one that
/// is larger than a page.
final class RelayLogReader {
    struct Page {
        var rows: Rows
        /// Whose last row is in this page, or nothing of which was to be read.
        var transactions: [UInt64] = []
        /// The transaction that goes on in the next page, and its last position in this one.
        var partly: (transaction: UInt64, position: Int64)?
        /// Everything that was committed before is in this page or was before it.
        var end: LogPosition
        /// More lies ready, most likely.
        var isFull = false
    }

    /// Of the rows in one page.
    private static let bytes = 16 << 20
    /// Messages read at once.
    private static let stride = 20_000

    private let connection: ReplicationConnection
    private let source: RelaySource
    private var layouts: [UInt32: LoggedLayout] = [:]
    private var builder: (layout: LoggedLayout, rows: RowsBuilder)?
    private var open: OpenTransaction?
    private var transactions: [UInt64] = []
    private var hasOthers = false
    /// Of the last page.
    private(set) var end = LogPosition.zero

    private struct OpenTransaction {
        var id: UInt64?
        /// It is out already.
        var isKnown = false
        var position: Int64 = 0
        var isInPage = false
    }

    init(_ connection: ReplicationConnection, of source: RelaySource) {
        self.connection = connection
        self.source = source
    }

    /// What has come, without waiting: nil while a transaction isn't whole. A page without rows tells how far the log goes.
    ///
    /// - Parameter isOut: whether a transaction's rows are all published; they are passed over.
    func nextPage(rows limit: Int, passingOver isOut: (UInt64) -> Bool) throws -> Page? {
        var messages = 0
        while try connection.next({ try take($0, isOut) }) {
            messages += 1
            let rows = builder?.rows
            guard rows?.count ?? 0 < limit, rows?.bytes ?? 0 < Self.bytes else { return try takePage(isFull: true) }
            // Most of them may be passed over, and the caller has other things to do.
            if messages >= Self.stride, open == nil { return try takePage(isFull: true) }
        }
        return open == nil ? try takePage(isFull: false) : nil
    }

    /// The rest of the transaction that is being read is passed over. Its id, where it is known.
    func dropOpenTransaction() -> UInt64? {
        open?.isKnown = true
        return open?.id
    }

    private func takePage(isFull: Bool) throws -> Page {
        end = connection.received
        let rows = try builder?.rows.take() ?? RowsBuilder(columns: [], source: source.name).take()
        var page = Page(rows: rows, transactions: transactions, end: end, isFull: isFull)
        if let open, open.isInPage, let id = open.id { page.partly = (id, open.position) }
        open?.isInPage = false
        transactions.removeAll(keepingCapacity: true)
        return page
    }

    private func take(_ message: LogicalMessage, _ isOut: (UInt64) -> Bool) throws {
        switch message {
        case .begin: open = OpenTransaction()
        case .commit:
            if let id = open?.id, open?.isKnown == false { transactions.append(id) }
            open = nil
        case .relation(let relation):
            layouts[relation.id] = relation.name == source.table ? try LoggedLayout(relation, source) : nil
        case .insert(let relation, let tuple):
            guard let layout = layouts[relation] else {
                hasOthers = true
                return
            }
            try insert(tuple, layout, isOut)
        case .other: break
        }
    }

    private func insert(_ tuple: LogicalTuple, _ layout: LoggedLayout, _ isOut: (UInt64) -> Bool) throws {
        guard open != nil else { throw UnreadableLog("a row outside a transaction") }
        let id = try layout.transaction(of: tuple)
        if open?.id == nil {
            open?.id = id
            open?.isKnown = isOut(id)
        }
        // Rows say themselves who wrote them, and windows go by it.
        guard open?.id == id else { throw UnreadableLog("rows of transaction \(id) in another's") }
        guard open?.isKnown == false else { return }
        open?.position = try layout.position(of: tuple)
        open?.isInPage = true
        if builder == nil { builder = (layout, RowsBuilder(columns: layout.columns, source: source.name)) }
        guard let builder, builder.layout.hasColumns(of: layout) else {
            throw UnreadableLog("the columns of \(source.table) have other types than before")
        }
        try builder.rows.append(try layout.values(of: tuple))
    }

    /// Whether there were rows of another table since one last asked.
    func takeOthers() -> Bool {
        defer { hasOthers = false }
        return hasOthers
    }

    // MARK: The session

    var owesReply: Bool { connection.owesReply }
    var confirmed: LogPosition { connection.confirmed }

    func confirm(_ position: LogPosition, asking: Bool = false) throws(PostgresError) {
        try connection.confirm(position, asking: asking)
    }

    func wait(atMost limit: Duration, or other: Connection, until stop: StopSignal) {
        connection.wait(atMost: limit, or: other, until: stop)
    }

    func close() { connection.close() }
}

/// What is in the log doesn't fit what the relay knows of its table.
struct UnreadableLog: Error, CustomStringConvertible {
    let description: String

    init(_ what: String) { description = "the log can't be read: \(what)" }
}
