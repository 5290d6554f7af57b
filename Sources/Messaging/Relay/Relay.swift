import Execution
import Kafka
import Logging
import Postgres
import Telemetry

/// Publishes a table's committed rows to Kafka: in order within a key, at least once, by one leader at a time.
///
/// The checkpoint moves only after the broker has acknowledged every record before it (`acks=all`, idempotent
/// producer). After a crash in between a new leader finds by the ends of the topics what is out already
/// (`PublishedTail`); where it can't, that is published again, and consumers drop the copies by `ce_id`.
/// Leadership is a session advisory lock, so it ends with the leader's connection. Pages are read on that
/// connection: who can read one leads. A leader that was frozen with a page in hand while another took over can only
/// repeat records that are out already, and its next read or checkpoint fails (`fenced`).
///
/// It reads by windows (`RelayWindow`), or, where it is told to, PostgreSQL's log (`RelayLogReader`): then windows are what
/// it begins with, and what it falls back to. The checkpoint is the same for both.
public final class Relay: Sendable {
    public struct Configuration: Sendable {
        /// Rows read and published at once.
        public var pageSize = 2_000
        /// Longest wait for new rows when nobody tells the relay of any: how long those wait whose writer was killed
        /// before it could, or belongs to no service of ours.
        public var idlePoll: Duration = .seconds(1)
        /// The same after rows were found that nobody had told of; doubles up to `idlePoll` while there are none.
        public var busyPoll: Duration = .milliseconds(10)
        /// A follower passes on at most once in so long that its process has committed rows.
        public var passingOn: Duration = .milliseconds(25)
        /// From one publication to the next while rows keep coming (`Tick`): rows that are committed meanwhile go out
        /// together, which costs the brokers and consumers a fraction. A full page doesn't wait, nor does the first row
        /// after a quiet time.
        public var tick: Duration = .milliseconds(20)
        /// The checkpoint is stored so long after rows were published, or after so many of them. These and a page have to
        /// lie within the reach of `PublishedTail`.
        public var checkpointInterval: Duration = .milliseconds(500)
        public var checkpointRows = 1_000
        /// By which facts are copied to further topics, in the same publication.
        public var routes = RouteTable.none
        /// What payloads are sent in; nil leaves them as they are stored.
        public var formats: RelayFormats?
        /// How often a follower asks for the leadership.
        public var leadershipPoll: Duration = .seconds(1)
        /// Reads PostgreSQL's log where it can, and by windows while it can't.
        public var readsLog = false

        public init() {}
    }

    /// Whose relay it is.
    public let service: String
    let source: RelaySource
    private let database: PostgresConfiguration
    private let producer: Producer
    let configuration: Configuration
    let logger: Logger
    private let signal = WakeSignal()
    private let status = Monitor(Status())
    private let metrics: RelayMetrics
    private let traces = Traces.current

    /// What readiness and metrics say of the relay.
    public struct Status: Sendable {
        public var leading = false
        /// The error that holds the relay up, nil while it flows.
        public var problem: String?
        /// It leads, and reads the log.
        public var readsLog = false
        /// Why it reads by windows though it should read the log; nil where it does as it should.
        public var fallback: String?
        public var published: Int64 = 0
        /// When the oldest event happened that is read but not acknowledged yet, microseconds since the Unix epoch.
        public var oldestInHand: Int64?
    }

    public init(
        source: RelaySource, database: PostgresConfiguration, producer: Producer, service: String,
        configuration: Configuration = Configuration(), logger: Logger
    ) {
        self.service = service
        self.source = source
        self.database = Self.sessions(of: database)
        self.producer = producer
        self.configuration = configuration
        var logger = logger
        logger[metadataKey: "relay"] = "\(service)/\(source.name)"
        self.logger = logger
        metrics = RelayMetrics(service: service, source: source.name)
    }

    /// How it reads its table, which is a queue.
    static func sessions(of database: PostgresConfiguration) -> PostgresConfiguration {
        var configuration = database
        configuration.walksTables = false
        return configuration
    }

    /// The name of its source.
    public var name: String { source.name }

    /// Whether it publishes what services put into their outbox, and not an event store.
    public var isOutbox: Bool { source.name == RelaySource.outbox.name }

    /// Whether it reads PostgreSQL's log where it can.
    public var isToReadLog: Bool { configuration.readsLog }

    public var currentStatus: Status {
        var status = status.withLock { $0 }
        status.problem = status.problem ?? producer.outage.map { "\($0)" }
        return status
    }

    /// Tells the relay that rows were committed, so that it looks before its poll is due. Cheap, from any thread.
    /// Where another process's relay leads, that one is told.
    public func wake() { signal.raise() }

    /// Leads or waits to lead until `stop`. Blocks the calling thread.
    public func run(until stop: StopSignal) {
        stop.onStop { [signal] in signal.raise() }
        var backoff = Backoff(base: .milliseconds(100), cap: .seconds(5))
        let connection = ReconnectingConnection(database, name: "relay-\(source.name)", stop: stop, logger: logger)
        while !stop.isStopped {
            do {
                try connection.run { try lead(on: $0, until: stop, onProgress: { backoff.reset() }) }
            } catch {
                if stop.isStopped { break }
                connection.disconnect()  // and the advisory lock with it
                note(problem: "\(error)")
                logger.warning("relay_interrupted", metadata: ["error": "\(error)"])
                stop.wait(for: backoff.next())
            }
        }
        status.withLock { $0.leading = false }
    }

    private func lead(on connection: Connection, until stop: StopSignal, onProgress: @escaping () -> Void) throws {
        while try !connection.tryAdvisoryLock(Connection.advisoryKey("relay/\(source.name)")) {
            note(leading: false)
            if try follow(for: configuration.leadershipPoll, on: connection, until: stop) { return }
        }
        note(leading: true)
        // Before the first look: nothing is committed unheard behind it.
        try connection.listen(source.channel)
        logger.info("relay_leads")
        var work = RelayWork(
            source: source,
            encoder: RelayEncoder(source: source, routes: configuration.routes, formats: configuration.formats),
            progress: RelayProgress(
                at: try RelayCheckpointStore.load(source.name, on: connection), configuration: configuration),
            publication: RelayPublication(producer: producer, traces: traces, logger: logger),
            idling: RelayIdling(configuration, signal), tick: Tick(every: configuration.tick),
            due: isOutbox ? DueMessages(service: service, idleLook: configuration.idlePoll) : nil,
            onProgress: onProgress)
        var tap =
            configuration.readsLog
            ? RelayLogTap(source, in: database, until: stop, logger: logger) { [signal] in signal.raise() } : nil
        defer { tap?.close() }
        while !stop.isStopped {
            guard let junction = try readWindows(&work, &tap, on: connection, until: stop) else { break }
            // Windows hear of rows by notifications, which are a burden on the server.
            try connection.unlisten(source.channel)
            note(readsLog: true, nil)
            logger.info("relay_reads_log", metadata: ["from": "\(junction.seen)"])
            switch try readLog(from: junction, &work, on: connection, until: stop) {
            case .stopped: return
            case .broken(let reason): tap?.giveUp(reason)
            case .behind(let rest): tap?.resume(rest)
            }
            try connection.listen(source.channel)
        }
        try store(&work.progress, on: connection)
    }

    /// Publishes window after window until `stop`, or until the log takes over.
    private func readWindows(
        _ work: inout RelayWork, _ tap: inout RelayLogTap?, on connection: Connection, until stop: StopSignal
    ) throws -> RelayLogTap.Junction? {
        var window = RelayWindow(source: source, pageSize: configuration.pageSize)
        var lookahead = RelayLookahead(source: source, pageSize: configuration.pageSize)
        while !stop.isStopped {
            if tap != nil { note(readsLog: false, tap?.problem) }
            work.idling.looks(on: connection)
            let looked = ContinuousClock.now
            try work.due?.look(on: connection)
            let mark = try tap?.mark(on: connection)
            let start = work.progress.checkpoint
            let page = try window.nextPage(after: start, on: connection)
            let isNothing = page.rows.isEmpty
            if isNothing {
                lookahead.finished(page, after: start)
                work.progress.checkpoint = page.next
                if work.progress.isDue { try store(&work.progress, on: connection) }
                note(published: work.progress.checkpoint.published)
                if work.isToPrune {
                    try store(&work.progress, on: connection)
                    try work.prune(on: connection)
                }
            } else {
                work.idling.found()
                if let express = try lookahead.look(before: page, after: start, on: connection) {
                    let records = lookahead.unpublished(try work.encoder.records(express))
                    work.sees(records)
                    let ahead = news(in: records, &work.tail, until: stop)
                    try work.publication.publish(ahead, until: stop)
                    metrics.copied(ahead)
                }
                try publish(page.rows, &work, next: page.next, until: stop) { lookahead.remaining($0) }
                lookahead.finished(page, after: start)
                if work.progress.isDue { try store(&work.progress, on: connection) }
                work.tick.begin(at: looked)
            }
            // What went ahead of its window is in no snapshot yet.
            if tap != nil, page.next.reach == nil, lookahead.isAtRest {
                // Where a new window has nothing, all that the mark saw is out. A paged one that ends without rows says
                // nothing of what came behind its reach.
                let seen = isNothing && start.reach == nil ? mark : page.next.seen
                if let junction = try tap?.advance(seen: seen, pageSize: configuration.pageSize, on: connection) {
                    return junction
                }
            }
            // A full page says that more lies ready.
            if page.rows.count == configuration.pageSize { continue }
            if !isNothing { stop.wait(for: work.pause) }
            let limit = isNothing && work.isBehindPruning ? configuration.busyPoll : work.progress.untilDue
            if tap?.isApproaching == true {
                // What comes by the log says that there are rows.
                stop.wait(for: configuration.busyPoll)
                let rest = [limit, work.due?.untilNext].compactMap(\.self).reduce(configuration.idlePoll, min)
                tap?.wait(atMost: rest, or: connection)
            } else {
                try work.idling.wait(on: connection, atMost: limit, work.due?.untilNext)
            }
        }
        return nil
    }

    /// Sees rows through to the brokers, and moves the checkpoint to `next` in memory.
    ///
    /// - Parameter remaining: those of their records that aren't out by another way.
    func publish(
        _ rows: Rows, _ work: inout RelayWork, next: RelayCheckpoint, until stop: StopSignal,
        _ remaining: ([RelayRecord]) -> [RelayRecord] = { $0 }
    ) throws {
        let records = remaining(try work.encoder.records(rows))
        note(inHand: work.encoder.oldestTime)
        work.sees(records)
        let news = news(in: records, &work.tail, until: stop)
        if next.reach == nil { work.tail = nil }
        try work.publication.publish(news, until: stop)
        metrics.copied(news)
        work.progress.checkpoint = next
        work.sincePrune += rows.count
        metrics.published(rows.count, oldest: work.encoder.oldestTime)
        note(published: next.published)
        note(inHand: nil)
        work.onProgress()
    }

    /// Those of `records` that the leader before hasn't published.
    ///
    /// - Parameter tail: what it may have; nil once its window is through.
    private func news(
        in records: [RelayRecord], _ tail: inout PublishedTail?, until stop: StopSignal
    ) -> [RelayRecord] {
        guard tail != nil, !records.isEmpty else { return records }
        do {
            try tail?.read(Set(records.flatMap(\.topics)), kafka: producer.kafka, logger: logger, until: stop)
        } catch {
            logger.warning("published_tail_unknown", metadata: ["error": "\(error)"])
        }
        return tail?.without(records) ?? records
    }

    /// Waits for the next try to lead, and tells the leader meanwhile of what this process commits. True when stopped.
    private func follow(for span: Duration, on connection: Connection, until stop: StopSignal) throws -> Bool {
        let end = ContinuousClock.now + span
        while !stop.isStopped, signal.wait(for: ContinuousClock.now.duration(to: end)) {
            do {
                // A leader that reads the log hears of rows by it.
                let isHeard = configuration.readsLog ? try RelaySlots.isRead(of: source, on: connection) : false
                if !isHeard { try source.announce(on: connection) }
            } catch {
                // For the next connection to tell.
                signal.raise()
                throw error
            }
            stop.wait(for: configuration.passingOn)
        }
        return stop.isStopped
    }

    func store(_ progress: inout RelayProgress, on connection: Connection) throws {
        guard progress.hasNews else { return }
        try RelayCheckpointStore.move(source.name, from: progress.stored, to: progress.checkpoint, on: connection)
        progress.wasStored()
    }

    private func note(leading: Bool) {
        status.withLock {
            $0.leading = leading
            $0.readsLog = false
            if !leading { $0.fallback = nil }
            // A leader that begins anew still has its problem until it gets on.
            if !leading { $0.problem = nil }
            $0.oldestInHand = nil
        }
    }

    private func note(problem: String) {
        status.withLock {
            $0.leading = false
            $0.readsLog = false
            $0.problem = problem
        }
    }

    private func note(readsLog: Bool, _ fallback: String?) {
        status.withLock {
            $0.readsLog = readsLog
            $0.fallback = fallback
        }
    }

    private func note(inHand oldest: Int64?) { status.withLock { $0.oldestInHand = oldest } }

    private func note(published: Int64) {
        status.withLock {
            $0.published = published
            $0.problem = nil
        }
    }
}
