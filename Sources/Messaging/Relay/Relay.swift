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
/// connection: who can read one leads. A leader that was frozen with a page in hand, and the next one of its window read
/// ahead, while another took over can only repeat records that are out already or just about to be, in their order; its
/// next read or checkpoint fails (`fenced`).
///
/// It reads by windows (`RelayWindow`), or, where it is told to, PostgreSQL's log (`RelayLogReader`): then windows are what
/// it begins with, and what it falls back to. The checkpoint is the same for both.
public final class Relay: Sendable {
    /// Whose relay it is.
    public let service: String
    let source: RelaySource
    private let database: PostgresConfiguration
    let producer: Producer
    let configuration: Configuration
    let logger: Logger
    let calls = RelayCalls()
    /// Rows of express orders were committed.
    let expressSignal = WakeSignal()
    let status = Monitor(Status())
    let metrics: RelayMetrics
    private let traces = Traces.current
    private let writes: WriteMark?

    /// - Parameter writes: to the database's server, kept up by a `DatabasePulse`; nil where nobody does.
    public init(
        source: RelaySource, database: PostgresConfiguration, producer: Producer, service: String,
        configuration: Configuration = Configuration(), seeing writes: WriteMark? = nil, logger: Logger
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
        self.writes = writes
        writes?.onNews { [calls] in calls.wake() }
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

    /// Tells the relay that rows were committed, so that it looks before its poll is due. Cheap, from any thread.
    /// Where another process's relay leads, that one is told.
    ///
    /// - Parameter isExpress: whether rows of express orders are among them: then a pause between two publications ends.
    public func wake(isExpress: Bool = false) {
        calls.tell()
        if isExpress { expressSignal.raise() }
    }

    /// Leads or waits to lead until `stop`. Blocks the calling thread.
    public func run(until stop: StopSignal) {
        stop.onStop { [calls, expressSignal] in
            calls.wake()
            expressSignal.raise()
        }
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
            idling: RelayIdling(configuration, calls, writes),
            tick: ThreadTick(configuration.ticking),
            due: isOutbox
                ? DueMessages(
                    service: service, idleLook: configuration.idlePoll, restLook: configuration.restPoll) : nil,
            onProgress: onProgress)
        var tap =
            configuration.readsLog
            ? RelayLogTap(source, in: database, until: stop, logger: logger) { [calls] in calls.tell() } : nil
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

    /// Waits for the next try to lead, and tells the leader meanwhile of what this process commits. True when stopped.
    private func follow(for span: Duration, on connection: Connection, until stop: StopSignal) throws -> Bool {
        let end = ContinuousClock.now + span
        while !stop.isStopped, calls.signal.wait(for: ContinuousClock.now.duration(to: end)) {
            guard calls.take() else { continue }
            do {
                // A leader that reads the log hears of rows by it.
                let isHeard = configuration.readsLog ? try RelaySlots.isRead(of: source, on: connection) : false
                if !isHeard { try source.announce(on: connection) }
            } catch {
                // For the next connection to tell.
                calls.tell()
                throw error
            }
            stop.wait(for: configuration.passingOn)
        }
        return stop.isStopped
    }
}
