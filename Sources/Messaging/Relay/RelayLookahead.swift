import Postgres

/// Lets messages of express orders go ahead of a backlog: while a relay pages through a window larger than a page, it looks
/// before each page for express rows that are committed, in that window or since, and publishes those first.
///
/// - **Nothing is skipped.** The checkpoint knows nothing of it. What was published ahead is remembered by position until
///   its window comes by, and passed over there; a leader that dies forgets it, and the next one publishes it in its turn,
///   where `PublishedTail` finds it on the topic, and consumers by its id.
/// - **An order's messages don't swap.** All of them are express, and each look takes every one that is visible and not out,
///   by position: who writes an order's next message does so after the former one is committed (`RelayWindow`).
/// - **Nobody starves.** A look is followed by a page of the backlog, and takes no more than that itself.
///
/// Without a backlog it costs nothing: no statement is made.
struct RelayLookahead {
    private let pageSize: Int
    private var window: RelayWindow
    /// How far it has looked, in memory alone; nil while there is no backlog.
    private var checkpoint: RelayCheckpoint?
    /// Positions published ahead, whose window hasn't come.
    private var ahead: Set<Int64> = []
    /// Positions of express rows whose window came before it has looked at them.
    private var passed: Set<Int64> = []

    /// Positions in memory, beyond which it looks no further ahead.
    private static let reach = 50_000

    init(source: RelaySource, pageSize: Int) {
        self.pageSize = pageSize
        window = RelayWindow(source: source.express, pageSize: pageSize)
    }

    /// Express rows to go before `page`; none where there is no backlog. What is encoded of them is for `unpublished`.
    ///
    /// - Parameter start: where the relay stood before the page.
    mutating func look(
        before page: RelayPage, after start: RelayCheckpoint, on connection: Connection
    ) throws -> Rows? {
        guard page.next.reach != nil else { return nil }
        // A window that another leader has begun is gone through as it is: nobody knows what went ahead of it.
        if checkpoint == nil, start.reach == nil { checkpoint = RelayCheckpoint(seen: start.seen) }
        guard let checkpoint, ahead.count + passed.count < Self.reach else { return nil }
        let found = try window.nextPage(after: checkpoint, on: connection)
        self.checkpoint = found.next
        return found.rows.isEmpty ? nil : found.rows
    }

    /// Those of what a look has found that aren't out, and are from now on.
    mutating func unpublished(_ found: [RelayRecord]) -> [RelayRecord] {
        found.filter { record in
            guard passed.remove(record.position) == nil else { return false }
            return ahead.insert(record.position).inserted
        }
    }

    /// Those of a page that didn't go ahead.
    mutating func remaining(_ page: [RelayRecord]) -> [RelayRecord] {
        guard checkpoint != nil, page.indices.contains(where: { page[$0].isExpress }) else { return page }
        return page.filter { record in
            guard record.isExpress else { return true }
            if ahead.remove(record.position) != nil { return false }
            passed.insert(record.position)
            return true
        }
    }

    /// Nothing has gone ahead of its window.
    var isAtRest: Bool { checkpoint == nil }

    /// A page is out.
    ///
    /// - Parameter start: where the relay stood before it.
    mutating func finished(_ page: RelayPage, after start: RelayCheckpoint) {
        // A window of one page was seen after every look: nothing is ahead of it.
        guard start.reach == nil, page.next.reach == nil, checkpoint != nil else { return }
        self = RelayLookahead(window: window, pageSize: pageSize)
    }

    private init(window: RelayWindow, pageSize: Int) {
        self.window = RelayWindow(source: window.source, pageSize: pageSize)
        self.pageSize = pageSize
    }
}
