import Execution
import Kafka
import Logging
import Postgres
import Telemetry

/// Runs one consumer group's handler over Kafka records: exactly one effect per message, order kept per key.
///
/// For each batch, in one PostgreSQL transaction: lock the partitions' stored offsets and drop what lies below them,
/// divert messages whose key is parked, drop ids that the inbox has, apply the handler, write its outbox, store the
/// offsets; commit (`BatchTransaction`). Kafka is told the offsets once a second, as a hint for lag tools. A batch
/// without anything for the group costs no transaction: its offsets are stored with others, a second later at most.
public final class ConsumerRunner: Sendable {
    public struct Configuration: Sendable {
        public var group: String
        public var topics: [String]
        /// Records in one transaction at most.
        public var batchSize = 500
        /// After a batch of few records, how long to let more gather, at least and at most; in between twice as long as
        /// that one took. One of many costs little more than one of few: a busy machine gets through more. The first
        /// record after a quiet time doesn't wait.
        public var gathering: ClosedRange<Duration> = .milliseconds(2) ... .milliseconds(50)
        /// Tries of a message whose handler fails, before it becomes a dead letter.
        public var attempts = 5
        public var retryBase: Duration = .milliseconds(100)
        public var retryCap: Duration = .seconds(10)
        /// False only for handlers that are idempotent by their own keys.
        public var usesInbox = true
        /// What log lines call a record's key.
        public var keyField = "key"
        /// Reads payloads at the door.
        public var content: RecordReader.Content = { _ in nil }
        /// Of the content types that it reads.
        public var codecs = PayloadCodecs.installed

        public init(group: String, topics: [String]) {
            self.group = group
            self.topics = topics
        }
    }

    private let configuration: Configuration
    private let handler: any BatchHandler
    let reader: RecordReader
    private let kafka: KafkaConfiguration
    private let database: PostgresConfiguration
    private let onCommit: @Sendable (_ wroteOutbox: Bool) -> Void
    private let logger: Logger
    private let metrics: ConsumerMetrics
    private let traces = Traces.current
    let transaction: BatchTransaction
    private let status = Monitor(Status())
    /// While it runs.
    private let consumer = Monitor<BatchConsumer?>(nil)

    /// What readiness says of the consumer.
    public struct Status: Sendable {
        public var assigned: Set<TopicPartition> = []
        /// The group has said, at least once, what this member is to hold.
        public var isAssigned = false
        /// The whole group, as it was last seen; nil until then, and where the brokers don't tell.
        public var group: GroupSighting?
        /// Partitions of the group's topics that lastingly belong to nobody.
        public var ownerless: [TopicPartition] = []
        /// Another process claims the same name in the group.
        public var clash: String?
        /// The error that holds the group up, nil while it flows.
        public var problem: String?
        /// The last one, for an hour.
        public var setback: Setback?
        /// Where assigned partitions start, until Kafka is told.
        var starts: [TopicPartition: Int64] = [:]

        public init() {}
    }

    /// A topic that doesn't hold what it should. The group goes on; an operator should know why it reads again.
    public struct Setback: Sendable {
        public let reason: String
        fileprivate let until = ContinuousClock.now + .seconds(3600)

        public init(reason: String) { self.reason = reason }
    }

    /// - Parameter onCommit: called after each commit that did something, to wake whoever goes on from there: the relay,
    ///   where something is in the outbox.
    public init(
        _ configuration: Configuration, handler: any BatchHandler, kafka: KafkaConfiguration,
        database: PostgresConfiguration, logger: Logger,
        onCommit: @escaping @Sendable (_ wroteOutbox: Bool) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.handler = handler
        reader = RecordReader(
            types: handler.types, ignoring: handler.ignoredSource, codecs: configuration.codecs,
            content: configuration.content)
        self.kafka = kafka
        self.database = database
        self.onCommit = onCommit
        var logger = logger
        logger[metadataKey: "group"] = "\(configuration.group)"
        self.logger = logger
        metrics = ConsumerMetrics(group: configuration.group)
        transaction = BatchTransaction(configuration, handler: handler, metrics: metrics, isTraced: traces != nil)
    }

    public var group: String { configuration.group }
    public var currentStatus: Status {
        var status = status.withLock { $0 }
        if let setback = status.setback, setback.until < .now { status.setback = nil }
        guard let consumer = consumer.withLock({ $0 }) else { return status }
        status.problem = status.problem ?? consumer.outage.map { "\($0)" }
        status.isAssigned = consumer.isAssigned
        status.group = consumer.group
        status.ownerless = consumer.ownerless
        return status
    }
    /// librdkafka's last statistics, where `statistics.interval.ms` asks for them.
    public var statisticsJSON: String? { consumer.withLock { $0 }?.statisticsJSON }
    /// Fetched and not yet handed to the handler.
    public var buffered: (messages: Int, bytes: Int) { consumer.withLock { $0 }?.buffered ?? (0, 0) }

    /// Consumes until `stop`; a batch in hand is finished first. Blocks the calling thread.
    /// Throws only what no retry can mend, such as a wrong configuration.
    public func run(until stop: StopSignal) throws {
        let connection = ReconnectingConnection(
            database.planning(.generic), name: configuration.group, stop: stop, logger: logger)
        let retries = RedeliveryWorker(
            group: configuration.group, handler: handler, reader: reader, database: database,
            keyField: configuration.keyField,
            logger: logger, onCommit: { [onCommit] in onCommit(true) })
        let retryThread = DedicatedThread.start("redelivery") { retries.run(until: stop) }
        defer { retryThread.join(timeout: .seconds(5)) }
        var rejoins = Backoff(base: .milliseconds(500), cap: .seconds(15))
        var claim = InstanceClaim(kafka.membershipName)
        while !stop.isStopped {
            let member = try BatchConsumer(
                ConsumerConfiguration(
                    kafka.named(claim.current), group: configuration.group, topics: configuration.topics),
                listener: OffsetListener(
                    group: group, database: database, status: status, metrics: metrics, logger: logger),
                logger: logger)
            do {
                try consume(as: member, claim: &claim, on: connection, until: stop, onProgress: { rejoins.reset() })
            } catch let error as KafkaError where error.isFatal {
                // Of the member, not of the group: another has got its name; a partition may have lost what was read of
                // it. A new member joins; the rest of the daemon needn't end for it.
                let isFenced = error.isFenced && claim.fenced()
                status.withLock {
                    $0.problem = "\(error)"
                    $0.assigned = []
                    $0.clash = claim.clash(in: nil)
                }
                logger.error(
                    "member lost, joining anew",
                    metadata: ["error": "\(error)", "clash": "\(isFenced ? claim.clash(in: nil) ?? "" : "none")"])
                stop.wait(for: rejoins.next())
            }
        }
    }

    /// Consumes until `stop` or an error that ends the member.
    private func consume(
        as consumer: BatchConsumer, claim: inout InstanceClaim, on connection: ReconnectingConnection,
        until stop: StopSignal, onProgress: () -> Void
    ) throws {
        self.consumer.withLock { $0 = consumer }
        status.withLock { $0.problem = nil }
        defer {
            self.consumer.withLock { $0 = nil }
            consumer.close(timeout: .seconds(5))
        }
        var passed = PassedOffsets()
        // Of what is stored; only lag tools look at Kafka's.
        var hints = PendingOffsets()
        func storePassed() {
            hints.note(passed.store(group: group, having: currentStatus.assigned, on: connection, logger))
        }
        while !stop.isStopped, !takesNameBack(&claim, seeing: consumer.group) {
            let batch = try consumer.nextBatch(max: configuration.batchSize, timeout: .milliseconds(500))
            hints.note(takeStarts())
            if let batch {
                let begun = ContinuousClock.now
                var records = batch.map { ConsumedRecord($0, by: reader) }
                var offsets: [TopicPartition: Int64] = [:]
                if records.allSatisfy(\.skipped) {
                    passed.note(records)
                    metrics.passed(records)
                } else {
                    if let traces {
                        for index in records.indices {
                            records[index].begin(traces, group: group, batchSize: records.count)
                        }
                    }
                    offsets = process(records, on: connection, until: stop)
                }
                hints.note(offsets)
                consumer.finish(batch)
                onProgress()
                if records.count < configuration.batchSize / 4 {
                    stop.wait(for: (begun.duration(to: .now) * 2).clamped(to: configuration.gathering))
                }
            }
            if passed.isDue { storePassed() }
            if hints.isDue { consumer.commit(hints.take(having: currentStatus.assigned)) }
        }
        storePassed()
        consumer.commit(hints.take(having: currentStatus.assigned))
    }

    /// Notes whether the member's name is its own. True when it is to join anew, under the one that it was given.
    private func takesNameBack(_ claim: inout InstanceClaim, seeing sighting: GroupSighting?) -> Bool {
        guard let group = sighting?.group, !group.members.isEmpty else { return false }
        let isFree = claim.takesBack(seeing: group)
        let clash = claim.clash(in: group)
        let known = status.withLock { status in
            defer { status.clash = clash }
            return status.clash
        }
        if isFree {
            logger.notice("instance name is free again", metadata: ["name": "\(claim.own ?? "")"])
        } else if let clash, known == nil {
            logger.error("instance name is taken twice", metadata: ["clash": "\(clash)"])
        }
        return isFree
    }

    private func takeStarts() -> [TopicPartition: Int64] {
        status.withLock { status in
            defer { status.starts = [:] }
            return status.starts
        }
    }

    /// Sees the whole batch through, however long the database takes. Returns what may be committed to Kafka;
    /// nothing when `stop` came while the database was away.
    private func process(
        _ records: [ConsumedRecord], on connection: ReconnectingConnection, until stop: StopSignal
    ) -> [TopicPartition: Int64] {
        var work = [records[...]]
        var offsets: [TopicPartition: Int64] = [:]
        // A handler error that isn't the database's halves the batch until one message is left: that one is tried
        // again and then given up, the others go through.
        while let part = work.popLast() {
            switch attempt(part, on: connection, until: stop) {
            case .done(let done): offsets.merge(done) { max($0, $1) }
            case .split:
                let middle = part.startIndex + part.count / 2
                work.append(part[middle...])
                work.append(part[..<middle])
            case .stopped: return offsets
            }
        }
        metrics.batch(records.count)
        return offsets
    }

    private enum Attempt {
        case done([TopicPartition: Int64])
        case split
        case stopped
    }

    private func attempt(
        _ records: ArraySlice<ConsumedRecord>, on connection: ReconnectingConnection, until stop: StopSignal
    ) -> Attempt {
        var outages = Backoff(base: configuration.retryBase, cap: configuration.retryCap)
        var failures = 0
        while true {
            let started = ContinuousClock.now
            do {
                let result = try connection.run { try transaction.run(records, giveUp: nil, on: $0) }
                metrics.handled(result, in: started.duration(to: .now))
                status.withLock { $0.problem = nil }
                sawTo(records, result)
                if result.handled > 0 || result.wroteOutbox { onCommit(result.wroteOutbox) }
                return .done(result.offsets)
            } catch let error as PostgresError where error.kind == .closed {
                return .stopped
            } catch let error as PostgresError where error.isPassing {
                status.withLock { $0.problem = "\(error)" }
                metrics.retries.increment()
                logger.warning("database unavailable, retrying", metadata: ["error": "\(error)"])
                if stop.wait(for: outages.next()) { return .stopped }
            } catch is ConcurrentChange {
                metrics.retries.increment()
                if stop.wait(for: Backoff.delay(attempt: 0, base: .milliseconds(5), cap: .milliseconds(5))) {
                    return .stopped
                }
            } catch {
                guard records.count == 1, let record = records.first else { return .split }
                failures += 1
                record.span?.note(error)
                metrics.retries.increment()
                let final = error is MessageRejected || failures >= configuration.attempts
                logger.warning(
                    final ? "message goes to the dead letters" : "message failed, retrying",
                    metadata: record.logFields(
                        keyField: configuration.keyField, ["error": "\(error)", "attempt": "\(failures)"]))
                if final {
                    switch bury(record, error: "\(error)", attempts: failures, on: connection, until: stop) {
                    case .some(let offsets): return .done(offsets)
                    case .none: return .stopped
                    }
                }
                let delay = Backoff.delay(
                    attempt: failures, base: configuration.retryBase, cap: configuration.retryCap)
                if stop.wait(for: delay) { return .stopped }
            }
        }
    }

    /// The way of each message, for who follows one through the services.
    private func sawTo(_ records: ArraySlice<ConsumedRecord>, _ result: BatchResult) {
        if traces != nil {
            for record in records { record.end(result.outcomes[record.source] ?? .repeated) }
        }
        guard logger.logLevel <= .debug else { return }
        for record in records where !record.skipped {
            logger.debug("message seen to", metadata: record.logFields(keyField: configuration.keyField))
        }
    }

    private func bury(
        _ record: ConsumedRecord, error: String, attempts: Int, on connection: ReconnectingConnection,
        until stop: StopSignal
    ) -> [TopicPartition: Int64]? {
        var outages = Backoff(base: configuration.retryBase, cap: configuration.retryCap)
        while true {
            do {
                let result = try connection.run {
                    try transaction.run(
                        [record], giveUp: DeadLetters.Verdict(error: error, attempts: attempts), on: $0)
                }
                metrics.handled(result, in: .zero)
                record.end(.deadLetter)
                onCommit(true)
                return result.offsets
            } catch let error as PostgresError where error.kind == .closed {
                return nil
            } catch {
                logger.warning(
                    "can't store a dead letter, retrying",
                    metadata: record.logFields(keyField: configuration.keyField, ["error": "\(error)"]))
                if stop.wait(for: outages.next()) { return nil }
            }
        }
    }
}
