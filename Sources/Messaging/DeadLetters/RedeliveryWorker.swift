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
    private let logger: Logger
    private let handled: Counter
    private let failed: Counter
    private let onCommit: @Sendable () -> Void
    private let traces = Traces.current

    private static let poll: Duration = .milliseconds(500)
    /// Letters of one key handled in one transaction.
    private static let chunk = 200
    private static let inboxWindow: Duration = .seconds(7 * 24 * 3600)

    init(
        group: String, handler: any BatchHandler, reader: RecordReader, database: PostgresConfiguration,
        keyField: String = "key",
        logger: Logger, onCommit: @escaping @Sendable () -> Void
    ) {
        self.group = group
        self.handler = handler
        self.reader = reader
        self.database = database
        self.keyField = keyField
        self.logger = logger
        let dimensions = [("group", group)]
        handled = Counter(
            label: "orderflow_consumer_redeliveries_total", dimensions: dimensions + [("outcome", "handled")])
        failed = Counter(
            label: "orderflow_consumer_redeliveries_total", dimensions: dimensions + [("outcome", "failed")])
        self.onCommit = onCommit
    }

    func run(until stop: StopSignal) {
        let connection = ReconnectingConnection(database, name: "\(group)-redelivery", stop: stop, logger: logger)
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
                if released == 0, stop.wait(for: Self.poll) { return }
            } catch {
                logger.warning("redelivery interrupted", metadata: ["error": "\(error)"])
                if stop.wait(for: backoff.next()) { return }
            }
        }
    }

    /// Works on every key with a requested retry. Returns how many keys moved.
    private func releaseRequested(on connection: Connection) throws -> Int {
        let rows = try connection.query(
            """
            SELECT DISTINCT topic, key FROM dead_letters WHERE consumer_group = $1 AND status = 'retry' LIMIT 100
            """, [.text(group)])
        var moved = 0
        for row in rows {
            let key = ParkingKey(topic: try row.get(0, as: String.self), key: try row.get(1, as: String.self))
            let done = try connection.transaction { try self.release(key, on: $0) }
            if done { moved += 1 }
        }
        if moved > 0 { onCommit() }
        return moved
    }

    /// Handles the key's letters in order until one fails. False when another process has the key.
    private func release(_ key: ParkingKey, on connection: Connection) throws -> Bool {
        let locked = try connection.query(
            """
            SELECT 1 FROM parked_keys WHERE consumer_group = $1 AND topic = $2 AND key = $3 FOR UPDATE SKIP LOCKED
            """, [.text(group), .text(key.topic), .text(key.key)])
        guard !locked.isEmpty else { return false }
        let letters = try StoredLetter.open(of: key, group: group, limit: Self.chunk, on: connection)
        guard letters.first?.status == "retry" else { return false }
        for (index, letter) in letters.enumerated() {
            do {
                try connection.savepoint { try self.handle(letter, on: $0) }
                try letter.mark("handled", error: nil, on: connection)
                handled.increment()
                logger.info("dead letter handled", metadata: letter.logFields(keyField: keyField))
            } catch let error as PostgresError where error.isPassing {
                throw error
            } catch let race as ConcurrentChange {
                // Somebody was faster; the next round decides on what is true then.
                throw race
            } catch {
                try letter.mark("dead", error: "\(error)", on: connection)
                failed.increment()
                logger.warning(
                    "dead letter failed again",
                    metadata: letter.logFields(keyField: keyField).merging(["error": "\(error)"]) { $1 })
                if index + 1 < letters.count, letters[index + 1].status == "retry" {
                    // Only the head of the queue may be asked for.
                    try letters[index + 1].mark("parked", error: nil, on: connection)
                }
                return true
            }
        }
        if letters.count == Self.chunk,
            let next = try StoredLetter.open(of: key, group: group, limit: 1, on: connection).first
        {
            try next.mark("retry", error: nil, on: connection)
        } else {
            try DeadLetterQueue.unpark(key, group: group, on: connection)
        }
        return true
    }

    private func handle(_ letter: StoredLetter, on connection: Connection) throws {
        guard var message = try letter.message(by: reader) else { return }
        let span = traces.map { message.beginProcessing($0, group: group) }
        span?.note(["orderflow.redelivery": true])
        if let span { message.traceparent = span.traceparent }
        do {
            try handle(message, on: connection)
        } catch {
            span?.fail("\(type(of: error))", "\(error)")
            span?.end()
            throw error
        }
        span?.end()
    }

    private func handle(_ message: InboundMessage, on connection: Connection) throws {
        guard try Inbox.claim(group: group, [message.identity], on: connection).contains(message.identity) else {
            return
        }
        var outbox: [OutgoingEvent] = []
        try handler.handle([message], on: connection, outbox: &outbox)
        try RecordSize.check(outbox)
        try Outbox.append(outbox, on: connection)
    }
}
