import Execution
import Logging
import Metrics
import Postgres
import Telemetry

/// Handles dead letters again once an operator asked for it, and then what was parked behind them, in order.
///
/// Any number of processes may run one per group: a key's row in `parked_keys` is the lock, and while it exists no
/// consumer handles that key.
final class RedeliveryWorker: Sendable {
    private let group: String
    private let handler: any BatchHandler
    private let reader: RecordReader
    private let database: PostgresConfiguration
    private let keyField: String
    private let usesInbox: Bool
    private let logger: Logger
    private let handled: Counter
    private let failed: Counter
    private let onCommit: @Sendable () -> Void
    private let traces = Traces.current

    /// Between two looks for what was asked for. Who asks for something notifies the workers, which may be missed.
    private static let poll: Duration = .seconds(5)
    /// Letters in one transaction, of up to as many keys, and the bytes of their values.
    private static let chunk = 500
    private static let chunkBytes = 16 << 20
    private static let inboxWindow: Duration = .seconds(7 * 24 * 3600)

    init(
        group: String, handler: any BatchHandler, reader: RecordReader, database: PostgresConfiguration,
        keyField: String = "key", usesInbox: Bool = true, logger: Logger, onCommit: @escaping @Sendable () -> Void
    ) {
        self.group = group
        self.handler = handler
        self.reader = reader
        self.database = database
        self.keyField = keyField
        self.usesInbox = usesInbox
        self.logger = logger
        let dimensions = [("group", group)]
        handled = Counter(
            label: "orderflow_consumer_redeliveries_total", dimensions: dimensions + [("outcome", "handled")])
        failed = Counter(
            label: "orderflow_consumer_redeliveries_total", dimensions: dimensions + [("outcome", "failed")])
        self.onCommit = onCommit
    }

    func run(until stop: StopSignal) {
        let connection = ReconnectingConnection(
            database, name: "\(group)-redelivery", stop: stop, logger: logger
        ) { try $0.listen(DeadLetterQueue.channel) }
        var backoff = Backoff(base: .milliseconds(500), cap: .seconds(10))
        var nextPrune = ContinuousClock.now
        while !stop.isStopped {
            do {
                let released = try connection.run { try self.releaseRequested(on: $0) }
                if nextPrune <= .now {
                    let pruned = try connection.run { try Inbox.prune(olderThan: Self.inboxWindow, on: $0) }
                    nextPrune = .now + (pruned > 0 ? .seconds(1) : .seconds(60))
                }
                backoff.reset()
                if released == 0 {
                    let pause = min(Self.poll, ContinuousClock.now.duration(to: nextPrune))
                    try connection.run { connection in
                        _ = try connection.waitForNotification(timeout: pause, stop: stop)
                        // One look is for all of them.
                        connection.dropNotifications()
                    }
                }
            } catch {
                if stop.isStopped { return }
                logger.warning("redelivery_interrupted", metadata: ["error": "\(error)"])
                if stop.wait(for: backoff.next()) { return }
            }
        }
    }

    /// Works on keys with a requested retry. Returns how many letters have moved.
    private func releaseRequested(on connection: Connection) throws -> Int {
        let batch = RedeliveryBatch(
            group: group, handler: handler, reader: reader, usesInbox: usesInbox, traces: traces)
        let outcome = try connection.transaction {
            try batch.run(limit: Self.chunk, bytes: Self.chunkBytes, on: $0)
        }
        guard let outcome else { return 0 }
        for letter in outcome.handled {
            // Of a key's letters the first was decided on; the others follow by themselves.
            logger.log(
                level: letter.isHead ? .info : .debug, "dead_letter_handled",
                metadata: letter.logFields(keyField: keyField))
        }
        for failure in outcome.failed {
            logger.warning(
                "dead_letter_failed",
                metadata: failure.letter.logFields(keyField: keyField).merging(["error": "\(failure.error)"]) { $1 })
        }
        for wait in outcome.waiting {
            logger.warning(
                "dead_letter_waits",
                metadata: wait.letter.logFields(keyField: keyField).merging(["error": "\(wait.reason)"]) { $1 })
        }
        handled.increment(by: outcome.handled.count)
        failed.increment(by: outcome.failed.count)
        onCommit()
        return outcome.handled.count + outcome.failed.count
    }
}
