import Execution
import Logging
import Postgres

/// How a leader gets from windows to the log, and back to it after it broke off.
///
/// Windows go on until the log can take over without a gap and without a copy. A slot sends what was committed behind a
/// place; what windows have published is a snapshot. The log takes over from a snapshot when
///
/// - the slot sends everything that the snapshot doesn't see: the snapshot sees whatever the one does that the slot was made
///   from, and the slot was never told to forget more than a stored checkpoint sees;
/// - everything that the snapshot sees is passed over when the slot sends it;
/// - nothing that was sent has been dropped unless the snapshot sees it (`owed`).
///
/// The slot may lie far behind after an outage: what it sends meanwhile is dropped, and windows publish it. They hear of
/// new rows by what comes.
struct RelayLogTap {
    /// Where the log takes over.
    struct Junction {
        let reader: RelayLogReader
        let seen: TransactionSet
        /// The first page, which may have rows.
        let first: RelayLogReader.Page
        /// Commits are to be waited for until a standby has them.
        let waitsForStandby: Bool
        /// The log tells of messages whose time is yet to come.
        let tellsOfSchedule: Bool
    }

    /// What a backlog leaves of a log that is read.
    struct Rest {
        let reader: RelayLogReader
        /// Everything that it sees is out.
        let seen: TransactionSet
        /// Where the log ended.
        let target: LogPosition
        let waitsForStandby: Bool
        /// The log tells of messages whose time is yet to come.
        let tellsOfSchedule: Bool
    }

    private struct Approach {
        let reader: RelayLogReader
        /// What the slot doesn't send.
        let origin: TransactionSet
        /// The end of the log when the slot was opened: behind it, it has caught up.
        let target: LogPosition
        let waitsForStandby: Bool
        /// The log tells of messages whose time is yet to come.
        let tellsOfSchedule: Bool
        /// Sent, dropped, and not seen to be published yet.
        var owed: Set<UInt64> = []
    }

    private let source: RelaySource
    private let database: PostgresConfiguration
    private let stop: StopSignal
    private let logger: Logger
    private let onMade: @Sendable () -> Void
    private var approach: Approach?
    private var maker: SlotMaker?
    private var backoff = Backoff(base: .milliseconds(500), cap: .seconds(60))
    private var due = ContinuousClock.now
    private var isWarned = false
    /// Why windows are read, nil while nothing is known to be wrong.
    private(set) var problem: String?

    /// Pages read on the way, from one window to the next.
    private static let strides = 4
    /// More than that aren't remembered: windows have to publish some first.
    private static let owedLimit = 20_000

    /// - Parameter onMade: called, on another thread, when a slot was made or couldn't be.
    init(
        _ source: RelaySource, in database: PostgresConfiguration, until stop: StopSignal, logger: Logger,
        onMade: @escaping @Sendable () -> Void
    ) {
        self.source = source
        self.database = database
        self.stop = stop
        self.logger = logger
        self.onMade = onMade
    }

    /// Whether the log is on its way: there is something to wait for besides notifications.
    var isApproaching: Bool { approach != nil }

    /// Before a look, on the way: a snapshot that the look's sees at least as much as.
    func mark(on connection: Connection) throws -> String? {
        guard approach != nil else { return nil }
        return try connection.query("SELECT pg_current_snapshot()::text").one().get(0)
    }

    /// A window has been published whole.
    ///
    /// - Parameter seen: all of whose rows are out; nil where there was nothing new and no mark.
    mutating func advance(seen: String?, pageSize: Int, on connection: Connection) throws -> Junction? {
        do {
            if approach == nil { try open(on: connection) }
            return try approachFurther(seen, pageSize)
        } catch {
            guard connection.isAlive() else { throw error }
            giveUp(error)
            return nil
        }
    }

    /// The log has more than a page or two: windows go on, which let express orders go ahead of a backlog, and the log is
    /// dropped until they have caught up.
    mutating func resume(_ rest: Rest) {
        approach = Approach(
            reader: rest.reader, origin: rest.seen, target: rest.target, waitsForStandby: rest.waitsForStandby,
            tellsOfSchedule: rest.tellsOfSchedule)
        // Of a transaction of many pages some are out; windows have the others.
        if let id = rest.reader.dropOpenTransaction() { approach?.owed.insert(id) }
    }

    /// The log has broken off, or can't be read.
    mutating func giveUp(_ error: any Error) {
        approach?.reader.close()
        approach = nil
        due = .now + backoff.next()
        guard !stop.isStopped, "\(error)" != problem else { return }
        problem = "\(error)"
        logger.warning("relay_reads_windows", metadata: ["reason": "\(error)"])
    }

    mutating func wait(atMost limit: Duration, or connection: Connection) {
        approach?.reader.wait(atMost: limit, or: connection, until: stop)
    }

    func close() { approach?.reader.close() }

    // MARK: Opening

    private mutating func open(on connection: Connection) throws {
        let isMade = maker != nil
        if let maker {
            guard let result = maker.outcome else { return try sayWhatTheSlotWaitsFor(maker, on: connection) }
            self.maker = nil
            try result.get()
        } else if .now < due {
            return
        }
        let sight = try SlotSight(of: source, on: connection)
        try sight.check()
        if !sight.isGuarded, !isWarned {
            isWarned = true
            logger.warning(
                "relay_slot_unguarded",
                metadata: ["why": "max_slot_wal_keep_size is -1: a slot that isn't read fills the server's disk"])
        }
        guard sight.isGood, let slot = sight.slot, let origin = sight.snapshot else {
            if isMade { throw LogUnavailable("another program is making its slot") }
            return makeSlot(insteadOf: sight)
        }
        if let reader = sight.reader {
            // Who leads reads: a leader before us that hasn't noticed, or whose server hasn't.
            _ = try connection.query("SELECT pg_terminate_backend($1)", [.int4(reader)])
            due = .now + .milliseconds(100)
            return
        }
        let session = try ReplicationConnection(database, logger: logger)
        try session.start(slot: slot, publication: source.publication)
        let target = try connection.query("SELECT pg_current_wal_flush_lsn()::text").one().get(0, as: String.self)
        approach = Approach(
            reader: RelayLogReader(session, of: source), origin: origin, target: LogPosition(target) ?? .zero,
            waitsForStandby: sight.hasSynchronousStandby, tellsOfSchedule: sight.hasSchedule)
    }

    private mutating func makeSlot(insteadOf sight: SlotSight) {
        if let slot = sight.slot {
            problem = "its slot is \(sight.state ?? "gone"), and another one is made"
            logger.warning("relay_slot_lost", metadata: ["slot": "\(slot)", "state": "\(sight.state ?? "gone")"])
        }
        maker = SlotMaker(for: source, in: database, until: stop, logger: logger, onEnd: onMade)
    }

    private mutating func sayWhatTheSlotWaitsFor(_ maker: SlotMaker, on connection: Connection) throws {
        guard maker.isLate, .now >= due else { return }
        due = .now + .seconds(10)
        let writer = try OpenTransaction.oldest(.writingAnywhere, on: connection)
        problem = "a slot can't be made before others' transactions have ended" + (writer.map { ": \($0)" } ?? "")
        logger.warning("relay_slot_waits", metadata: ["for": "\(writer?.description ?? "unknown")"])
    }

    // MARK: On the way

    private mutating func approachFurther(_ seen: String?, _ pageSize: Int) throws -> Junction? {
        guard var approach, let seen = seen.flatMap({ TransactionSet($0) }) else { return nil }
        defer { if self.approach != nil { self.approach = approach } }
        approach.owed = approach.owed.filter { !seen.contains($0) }
        if approach.reader.owesReply { try approach.reader.confirm(approach.reader.confirmed) }
        for _ in 0..<Self.strides where approach.owed.count < Self.owedLimit {
            guard let page = try approach.reader.nextPage(rows: pageSize, passingOver: seen.contains) else {
                return nil
            }
            // A transaction that was begun to be read before the last look may have been published by it.
            if approach.reader.end >= approach.target, approach.owed.isEmpty, approach.origin.isSubset(of: seen),
                page.partly == nil, !page.transactions.contains(where: seen.contains)
            {
                self.approach = nil
                problem = nil
                backoff.reset()
                return Junction(
                    reader: approach.reader, seen: seen, first: page, waitsForStandby: approach.waitsForStandby,
                    tellsOfSchedule: approach.tellsOfSchedule)
            }
            approach.owed.formUnion(page.transactions)
            if page.partly != nil, let id = approach.reader.dropOpenTransaction() { approach.owed.insert(id) }
            if !page.isFull { break }
        }
        // Or it would say so only when it has something.
        if approach.reader.end < approach.target {
            try approach.reader.confirm(approach.reader.confirmed, asking: true)
        }
        return nil
    }
}
