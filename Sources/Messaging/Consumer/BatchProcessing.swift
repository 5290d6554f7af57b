import Execution
import Kafka
import Logging
import Postgres

/// Sees a batch through its transaction: again while the database is away, in halves where the handler fails, and as a
/// dead letter for the one message that can't be handled.
struct BatchProcessing: Sendable {
    private let configuration: ConsumerRunner.Configuration
    private let transaction: BatchTransaction
    private let status: Monitor<ConsumerRunner.Status>
    private let metrics: ConsumerMetrics
    private let isTraced: Bool
    private let logger: Logger
    private let onCommit: @Sendable (_ wroteOutbox: Bool, _ isExpress: Bool) -> Void

    init(
        _ configuration: ConsumerRunner.Configuration, transaction: BatchTransaction,
        status: Monitor<ConsumerRunner.Status>, metrics: ConsumerMetrics, isTraced: Bool, logger: Logger,
        onCommit: @escaping @Sendable (_ wroteOutbox: Bool, _ isExpress: Bool) -> Void
    ) {
        self.configuration = configuration
        self.transaction = transaction
        self.status = status
        self.metrics = metrics
        self.isTraced = isTraced
        self.logger = logger
        self.onCommit = onCommit
    }

    /// Sees the whole batch through, however long the database takes. Returns what may be committed to Kafka;
    /// nothing when `stop` came while the database was away.
    func run(
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
                status.withLock { $0.note(nil, ofExpress: isExpress(records)) }
                handled(records, result)
                if result.handled > 0 || result.wroteOutbox { onCommit(result.wroteOutbox, isExpress(records)) }
                return .done(result.offsets)
            } catch let error as PostgresError where error.kind == .closed {
                return .stopped
            } catch let error as PostgresError where error.isPassing {
                status.withLock { $0.note("\(error)", ofExpress: isExpress(records)) }
                metrics.retries.increment()
                logger.warning("database_unavailable", metadata: ["error": "\(error)"])
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
                    final ? "message_dead" : "message_failed",
                    metadata: record.logFields(
                        keyField: configuration.keyField, ["error": "\(error)", "attempt": "\(failures)"]))
                if final {
                    switch deadLetter(record, error: "\(error)", attempts: failures, on: connection, until: stop) {
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

    /// A batch is of express lanes or of none.
    private func isExpress(_ records: ArraySlice<ConsumedRecord>) -> Bool {
        records.first.map { configuration.expressTopics.contains($0.source.topic) } ?? false
    }

    /// Ends the spans of a batch, and logs its messages for operators who follow one through the services.
    private func handled(_ records: ArraySlice<ConsumedRecord>, _ result: BatchResult) {
        if isTraced {
            for record in records { record.end(result.outcomes[record.source] ?? .repeated) }
        }
        guard logger.logLevel <= .debug else { return }
        for record in records where !record.skipped {
            logger.debug("message_handled", metadata: record.logFields(keyField: configuration.keyField))
        }
    }

    /// Makes a dead letter of a record, however long the database takes. Nil when `stop` came first.
    private func deadLetter(
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
                onCommit(true, false)
                return result.offsets
            } catch let error as PostgresError where error.kind == .closed {
                return nil
            } catch {
                logger.warning(
                    "dead_letter_not_stored",
                    metadata: record.logFields(keyField: configuration.keyField, ["error": "\(error)"]))
                if stop.wait(for: outages.next()) { return nil }
            }
        }
    }
}
