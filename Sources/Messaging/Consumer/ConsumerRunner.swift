import Execution
import Kafka
import Logging
import Postgres
import Telemetry

/// Runs one consumer group's handler over Kafka records: exactly one effect per message, order kept per key.
///
/// For each batch, in one PostgreSQL transaction: lock the partitions' stored offsets and drop what lies below them,
/// divert messages whose key is parked, drop ids that the inbox has, apply the handler, write its outbox, store the
/// offsets; commit (`BatchTransaction`). The offsets are committed to Kafka once a second, as a hint for lag tools. A batch
/// without anything for the group costs no transaction: its offsets are stored with others, a second later at most.
public final class ConsumerRunner: Sendable {
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
    private let processing: BatchProcessing
    private let status: Monitor<Status>
    /// While it runs.
    private let consumer = Monitor<BatchConsumer?>(nil)

    /// - Parameter onCommit: called after each commit that did something, to wake what goes on from there: the relay,
    ///   where something is in the outbox.
    public init(
        _ configuration: Configuration, handler: any BatchHandler, kafka: KafkaConfiguration,
        database: PostgresConfiguration, logger: Logger,
        onCommit: @escaping @Sendable (_ wroteOutbox: Bool) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.handler = handler
        reader = RecordReader(
            types: handler.types, ignoring: handler.ignoredSource, butFor: handler.heardOfItself,
            codecs: configuration.codecs, expressTopics: configuration.expressTopics, content: configuration.content)
        self.kafka = kafka
        self.database = database
        self.onCommit = onCommit
        var logger = logger
        logger[metadataKey: "group"] = "\(configuration.group)"
        self.logger = logger
        metrics = ConsumerMetrics(group: configuration.group)
        transaction = BatchTransaction(configuration, handler: handler, metrics: metrics, isTraced: traces != nil)
        status = Monitor(Status())
        processing = BatchProcessing(
            configuration, transaction: transaction, status: status, metrics: metrics, isTraced: traces != nil,
            logger: logger, onCommit: onCommit)
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
            keyField: configuration.keyField, usesInbox: configuration.usesInbox, expiry: configuration.expiry,
            logger: logger,
            onCommit: { [onCommit] in onCommit(true) })
        let retryThread = DedicatedThread.start("redelivery") { retries.run(until: stop) }
        defer { retryThread.join(timeout: .seconds(5)) }
        var rejoins = Backoff(base: .milliseconds(500), cap: .seconds(15))
        var claim = InstanceClaim(kafka.membershipName)
        stop.onStop { [consumer] in consumer.withLock { $0 }?.hurry() }
        while !stop.isStopped {
            var membership = ConsumerConfiguration(
                kafka.named(claim.current), group: configuration.group, topics: configuration.topics)
            membership.urgentTopics = configuration.expressTopics
            let member = try BatchConsumer(
                membership,
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
                    "member_lost",
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
        var tick = Tick(every: configuration.tick)
        // Urgent records have beats of their own: they don't wait for those of others.
        var urgentTick = tick
        var skipped = SkippedOffsets()
        // Of what is stored, for Kafka; only lag tools look at its offsets.
        var hints = GatheredOffsets()
        func storeSkipped() {
            hints.note(skipped.store(group: group, having: currentStatus.assigned, on: connection, logger))
        }
        while !stop.isStopped, !takesNameBack(&claim, seeing: consumer.group) {
            let batch = try consumer.nextBatch(max: configuration.batchSize, timeout: .milliseconds(500))
            hints.note(takeStarts())
            if let batch {
                if batch.isUrgent { urgentTick.begin(at: .now) } else { tick.begin(at: .now) }
                guard var records = readable(batch, until: stop) else { break }
                var offsets: [TopicPartition: Int64] = [:]
                if records.allSatisfy(\.skipped) {
                    skipped.note(records)
                    metrics.passed(records)
                } else {
                    if let traces {
                        for index in records.indices {
                            records[index].begin(traces, group: group, batchSize: records.count)
                        }
                    }
                    offsets = processing.run(records, on: connection, until: stop)
                    skipped.passed(offsets)
                }
                hints.note(offsets)
                consumer.finish(batch)
                onProgress()
                if !batch.isUrgent { tick.end(at: .now) }
            }
            if skipped.isDue { storeSkipped() }
            if hints.isDue { consumer.commit(hints.take(having: currentStatus.assigned)) }
            if batch != nil {
                let now = ContinuousClock.now
                consumer.gather(
                    configuration.batchSize, for: tick.pause(at: now), urgent: urgentTick.pause(at: now))
            }
        }
        storeSkipped()
        consumer.commit(hints.take(having: currentStatus.assigned))
    }

    /// The records of a batch, read again until all of them can be: one that nobody can read now is no dead letter, and
    /// what comes behind it may be about the same order. Nil when stopped before.
    private func readable(_ batch: MessageBatch, until stop: StopSignal) -> [ConsumedRecord]? {
        var outages = Backoff(base: configuration.retryBase, cap: configuration.retryCap)
        while true {
            let records = ConsumedRecord.all(in: batch, by: reader)
            guard let waiting = records.first(where: { $0.unavailable != nil }), let reason = waiting.unavailable else {
                if outages.attempt > 0 { status.withLock { $0.problem = nil } }
                return records
            }
            let problem = "\(waiting.source): \(reason)"
            if outages.attempt == 0 { logger.warning("record_unreadable_now", metadata: ["error": "\(problem)"]) }
            status.withLock { $0.problem = problem }
            metrics.retries.increment()
            if stop.wait(for: outages.next()) { return nil }
        }
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
            logger.notice("instance_name_free", metadata: ["name": "\(claim.own ?? "")"])
        } else if let clash, known == nil {
            logger.error("instance_name_taken", metadata: ["clash": "\(clash)"])
        }
        return isFree
    }

    private func takeStarts() -> [TopicPartition: Int64] {
        status.withLock { status in
            defer { status.starts = [:] }
            return status.starts
        }
    }
}
