import Execution
import Kafka
import Logging
import Postgres
import Telemetry

/// Runs one consumer group's handler over Kafka records: exactly one effect per message, order kept per key.
///
/// Two workers take batches (`ConsumerWorker`): one those of express lanes, one all others.
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
    private let onCommit: @Sendable (_ wroteOutbox: Bool, _ isExpress: Bool) -> Void
    private let logger: Logger
    private let metrics: ConsumerMetrics
    let transaction: BatchTransaction
    private let parts: ConsumerWorker.Parts
    private let status: Monitor<Status>
    /// While it runs.
    private let consumer = Monitor<BatchConsumer?>(nil)

    /// - Parameter onCommit: called after each commit that did something, to wake what goes on from there: the relay,
    ///   where something is in the outbox; and whether what was handled came by an express lane.
    public init(
        _ configuration: Configuration, handler: any BatchHandler, kafka: KafkaConfiguration,
        database: PostgresConfiguration, logger: Logger,
        onCommit: @escaping @Sendable (_ wroteOutbox: Bool, _ isExpress: Bool) -> Void = { _, _ in }
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
        let traces = Traces.current
        transaction = BatchTransaction(configuration, handler: handler, metrics: metrics, isTraced: traces != nil)
        status = Monitor(Status())
        let processing = BatchProcessing(
            configuration, transaction: transaction, status: status, metrics: metrics, isTraced: traces != nil,
            logger: logger, onCommit: onCommit)
        parts = ConsumerWorker.Parts(
            reader: reader, isIdle: handler.isIdle, processing: processing, status: status, metrics: metrics,
            traces: traces, logger: logger)
    }

    public var group: String { configuration.group }
    public var currentStatus: Status {
        var status = status.withLock { $0 }
        if let setback = status.setback, setback.until < .now { status.setback = nil }
        guard let consumer = consumer.withLock({ $0 }) else { return status }
        status.problem = status.problem ?? status.expressProblem ?? consumer.outage.map { "\($0)" }
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
            onCommit: { [onCommit] in onCommit(true, false) })
        let retryThread = DedicatedThread.start("redelivery") { retries.run(until: stop) }
        defer { retryThread.join(timeout: .seconds(5)) }
        var rejoins = Backoff(base: .milliseconds(500), cap: .seconds(15))
        var claim = InstanceClaim(kafka.membershipName, isDevBroker: kafka.isDevBroker)
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
        status.withLock { status in
            status.problem = nil
            status.expressProblem = nil
        }
        let ending = StopSignal()
        stop.onStop { ending.stop() }
        let express = configuration.expressTopics.isEmpty ? nil : expressThread(consumer, until: ending)
        defer {
            ending.stop()
            consumer.hurry()
            express?.join()
            self.consumer.withLock { $0 = nil }
            consumer.close(timeout: .seconds(5))
        }
        var worker = ConsumerWorker(configuration, parts, takesExpress: false)
        while !stop.isStopped, !takesNameBack(&claim, seeing: consumer.group) {
            try worker.work(as: consumer, on: connection, waiting: worker.wait, until: stop, onProgress)
        }
        worker.end(as: consumer, on: connection)
    }

    /// Sees to the records of express lanes, on a thread and a connection of its own: none of them waits until a batch of others
    /// is through, but for rows that both change. The connection is made for the first one, and given up when none has come
    /// for a while.
    private func expressThread(_ consumer: BatchConsumer, until ending: StopSignal) -> DedicatedThread {
        DedicatedThread.start("express-\(group)") { [self] in
            let connection = ReconnectingConnection(
                database.planning(.generic), name: "\(group)-express", stop: ending, logger: logger)
            var worker = ConsumerWorker(configuration, parts, takesExpress: true)
            while !ending.isStopped {
                do {
                    let isQuiet = !worker.hasOffsets
                    let wait: Duration = isQuiet ? Self.quiet : .milliseconds(500)
                    let worked = try worker.work(as: consumer, on: connection, waiting: wait, until: ending) {}
                    if isQuiet, !worked { connection.disconnect() }
                } catch {
                    // The member can't go on, as its other worker finds too.
                    ending.wait(for: nil)
                }
            }
            worker.end(as: consumer, on: connection)
        }
    }

    /// Without an express record a connection for them isn't kept for longer.
    private static let quiet: Duration = .seconds(60)

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
}
