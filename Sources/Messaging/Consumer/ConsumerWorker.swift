import Execution
import Kafka
import Logging
import Postgres
import Telemetry

/// What a thread of a member does in turn: takes a batch, sees it through, keeps count of offsets, and lets more gather.
///
/// It takes the records of express lanes, or all others. A partition's are of one kind, and so in the hands of one worker, in
/// their order; handlers see both at once, as they see those of another process's member.
struct ConsumerWorker {
    /// What the workers of a group share.
    struct Parts: Sendable {
        let reader: RecordReader
        /// Of the handler.
        let isIdle: (@Sendable (Connection) throws -> Bool)?
        let processing: BatchProcessing
        let status: Monitor<ConsumerRunner.Status>
        let metrics: ConsumerMetrics
        let traces: Traces?
        let logger: Logger
        /// Of what is stored, for Kafka; only lag tools look at its offsets.
        let hints = Monitor(GatheredOffsets())
    }

    private let configuration: ConsumerRunner.Configuration
    private let parts: Parts
    private let takesExpress: Bool
    private var tick: ThreadTick
    private var skipped = SkippedOffsets()

    init(_ configuration: ConsumerRunner.Configuration, _ parts: Parts, takesExpress: Bool) {
        self.configuration = configuration
        self.parts = parts
        self.takesExpress = takesExpress
        tick = ThreadTick(configuration.ticking)
    }

    /// Offsets wait for being stored.
    var hasOffsets: Bool { !skipped.isEmpty }

    /// How long to wait for a batch: as long as nothing is to be stored or told meanwhile. A batch, and the end, are told of.
    var wait: Duration { hasOffsets || parts.hints.withLock { !$0.isEmpty } ? .milliseconds(500) : .seconds(1) }

    /// How long others let express records go on after a long batch, at most.
    private static let longestRest: Duration = .milliseconds(100)

    /// Sees one batch through, if one comes while it waits. False where none came. Blocks the calling thread.
    @discardableResult
    mutating func work(
        as consumer: BatchConsumer, on connection: ReconnectingConnection, waiting: Duration, until stop: StopSignal,
        _ onProgress: () -> Void
    ) throws -> Bool {
        let batch = try consumer.nextBatch(
            max: configuration.batchSize, urgent: takesExpress, gathering: takesExpress ? .zero : tick.gathering,
            timeout: waiting)
        noteStarts()
        let begun = ContinuousClock.now
        if let batch {
            tick.begin(at: begun)
            let records =
                isIdle(on: connection) ? ConsumedRecord.all(in: batch, by: nil) : readable(batch, until: stop)
            if let records { handle(records, on: connection, until: stop) }
            consumer.finish(batch)
            guard records != nil else { return false }
            onProgress()
            tick.end(at: .now, of: records?.count ?? 0)
        }
        if skipped.isDue { storeSkipped(on: connection) }
        if parts.hints.withLock({ $0.isDue }) { tellOffsets(as: consumer) }
        guard batch != nil else { return false }
        // Express records gather while a batch of them is under way, and wait for nothing else.
        if !takesExpress {
            let now = ContinuousClock.now
            consumer.gather(
                configuration.batchSize, for: tick.pause(at: now),
                restingFor: min(begun.duration(to: now), Self.longestRest))
        }
        return true
    }

    /// Stores and tells what offsets are left.
    mutating func end(as consumer: BatchConsumer, on connection: ReconnectingConnection) {
        storeSkipped(on: connection)
        tellOffsets(as: consumer)
    }

    private mutating func handle(
        _ all: [ConsumedRecord], on connection: ReconnectingConnection, until stop: StopSignal
    ) {
        guard !all.allSatisfy(\.skipped) else {
            skipped.note(all)
            return parts.metrics.passed(all)
        }
        var records = all
        if let traces = parts.traces {
            for index in records.indices {
                records[index].begin(traces, group: configuration.group, batchSize: records.count)
            }
        }
        let offsets = parts.processing.run(records, on: connection, until: stop)
        skipped.passed(offsets)
        parts.hints.withLock { $0.note(offsets) }
    }

    /// Notes where partitions start that were assigned, whoever's they are: before anything of them is handled.
    private func noteStarts() {
        parts.hints.withLock { hints in
            hints.note(
                parts.status.withLock { status in
                    defer { status.starts = [:] }
                    return status.starts
                })
        }
    }

    private mutating func storeSkipped(on connection: ReconnectingConnection) {
        let stored = skipped.store(group: configuration.group, having: assigned, on: connection, parts.logger)
        parts.hints.withLock { $0.note(stored) }
    }

    private func tellOffsets(as consumer: BatchConsumer) {
        let assigned = assigned
        consumer.commit(parts.hints.withLock { $0.take(having: assigned) })
    }

    private var assigned: Set<TopicPartition> { parts.status.withLock { $0.assigned } }

    /// Whether nobody wants anything of what has come. Where that can't be told, it is seen through.
    private func isIdle(on connection: ReconnectingConnection) -> Bool {
        guard let isIdle = parts.isIdle else { return false }
        return (try? connection.run { try isIdle($0) }) ?? false
    }

    /// The records of a batch, read again until all of them can be: one that nobody can read now is no dead letter, and
    /// what comes behind it may be about the same order. Nil when stopped before.
    private func readable(_ batch: MessageBatch, until stop: StopSignal) -> [ConsumedRecord]? {
        var outages = Backoff(base: configuration.retryBase, cap: configuration.retryCap)
        while true {
            let records = ConsumedRecord.all(in: batch, by: parts.reader)
            guard let waiting = records.first(where: { $0.unavailable != nil }), let reason = waiting.unavailable else {
                if outages.attempt > 0 { parts.status.withLock { $0.note(nil, ofExpress: takesExpress) } }
                return records
            }
            let problem = "\(waiting.source): \(reason)"
            if outages.attempt == 0 {
                parts.logger.warning("record_unreadable_now", metadata: ["error": "\(problem)"])
            }
            parts.status.withLock { $0.note(problem, ofExpress: takesExpress) }
            parts.metrics.retries.increment()
            if stop.wait(for: outages.next()) { return nil }
        }
    }
}
