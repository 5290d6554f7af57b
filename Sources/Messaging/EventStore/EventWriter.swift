import Execution
import Logging
import Metrics
import Postgres
import Telemetry

/// Group commit: requests of all connections queue here, and each of a few writer threads takes what is waiting, writes
/// it with one statement, which is one commit, and completes them all. What comes while one commits waits for the end of that,
/// and only where it is much or express, or that takes long, does another begin: a commit costs nearly the same for one
/// request as for ten.
///
/// A completion with `.appended` means that the events are on disk. The queue is bounded; what doesn't fit is refused
/// at once, so that an overloaded store costs the caller a 503 and not the process its memory. Tenants take turns
/// (`FairQueue`).
public final class EventWriter: Sendable {
    public enum Outcome: Sendable {
        case appended
        /// Another writer has this version of the stream.
        case versionTaken
        /// Not written, or not known to be: the database is away or refused. A retry with the same ids is safe.
        case failed(PostgresError)
    }

    /// An append of one event: its statement is a commit of its own, and of several events the later ones could get
    /// their version where the first has lost its.
    public struct Request: Sendable {
        public let append: StreamAppend
        /// Called once, on a writer thread.
        public let completion: @Sendable (Outcome) -> Void

        public init(append: StreamAppend, completion: @escaping @Sendable (Outcome) -> Void) {
            precondition(append.events.count == 1, "an append of \(append.events.count) events to the event writer")
            self.append = append
            self.completion = completion
        }
    }

    private struct Waiting {
        let append: StreamAppend
        let origin: Origin
        /// Nil where the request's trace isn't recorded.
        let span: ActiveSpan?
    }

    private enum Origin {
        case request(@Sendable (Outcome) -> Void)
        case bulk(any BulkAppends, place: Int)
    }

    /// The last commit failed, and not for what was to be committed.
    private struct Setback {
        let reason: String
        let at = ContinuousClock.now
    }

    private struct Queue {
        var waiting: FairQueue<Waiting>
        var accepting = true
        /// Writers that have a batch in hand.
        var committing = 0
        /// When the last of those took it.
        var begun = ContinuousClock.now
        let patience: Duration
        /// An express request has come since the last batch was taken.
        var hasExpress = false
        /// Of those whose bulk found no room.
        var waitingForRoom: [@Sendable () -> Void] = []

        /// Whether what waits is to be committed beside another commit.
        private func isPressing(at now: ContinuousClock.Instant) -> Bool {
            waiting.count >= EventWriter.enough || hasExpress || !accepting
                || begun.duration(to: now) >= patience
        }

        /// The next batch for a writer, which is committing with it; nil when stopping and empty.
        mutating func next(_ limit: Int, at now: ContinuousClock.Instant) -> Look<[Waiting]?> {
            if waiting.isEmpty { return accepting ? .nothing : .taken(nil) }
            guard committing == 0 || isPressing(at: now) else { return .again(at: begun + patience) }
            committing += 1
            (begun, hasExpress) = (now, false)
            return .taken(waiting.take(limit))
        }
    }

    /// Requests for which a commit begins beside another.
    private static let enough = 8

    private let database: PostgresConfiguration
    private let writers: Int
    /// Requests that may wait.
    public let queueLimit: Int
    private let batchLimit: Int
    private let together: @Sendable (() -> Void) -> Void
    private let onCommit: @Sendable (_ isExpress: Bool) -> Void
    private let ledger: (any BulkLedger)?
    private let logger: Logger
    private let queue: Monitor<Queue>
    private let setback = Monitor<Setback?>(nil)
    /// When a stream was last to be begun that was there already.
    private let repeated = Monitor<ContinuousClock.Instant?>(nil)
    private let metrics = EventWriterMetrics()
    private let traces = Traces.current

    /// - Parameters:
    ///   - writers: connections; two keep one statement in PostgreSQL while the other's commit waits for the disk.
    ///   - queueLimit: requests that may wait before `submit` refuses; of one tenant, less.
    ///   - weights: of tenants that get another share than 1 while others wait too.
    ///   - batchLimit: requests in one statement.
    ///   - patience: nobody waits for longer for another commit's end, which may have lost its connection and not know it.
    ///   - ledger: what is written beside appends in bulk.
    ///   - together: runs the completions of one commit; the place to gather the wake-ups that they cause.
    ///   - onCommit: called after each commit, to wake the relay; with whether any of it is of an express order.
    public init(
        database: PostgresConfiguration, writers: Int = 2, queueLimit: Int = 8192, batchLimit: Int = 512,
        weights: [String: Int] = [:], patience: Duration = .milliseconds(50), ledger: (any BulkLedger)? = nil,
        logger: Logger,
        together: @escaping @Sendable (() -> Void) -> Void = { $0() },
        onCommit: @escaping @Sendable (_ isExpress: Bool) -> Void
    ) {
        self.database = database.planning(.generic)
        self.writers = writers
        self.queueLimit = queueLimit
        self.batchLimit = batchLimit
        queue = Monitor(Queue(waiting: FairQueue(limit: queueLimit, weights: weights), patience: patience))
        self.ledger = ledger
        self.logger = logger
        self.together = together
        self.onCommit = onCommit
    }

    /// Queues a request. False when the queue or the tenant's part of it is full, or the writer is stopping: then the
    /// completion is never called.
    public func submit(_ request: Request) -> Bool {
        let waiting = Waiting(
            append: request.append, origin: .request(request.completion),
            span: traces.flatMap { request.append.begin($0) })
        let isExpress = request.append.isExpress
        let (isTaken, wakes) = queue.withLock { queue in
            guard queue.accepting, queue.waiting.append(waiting, of: request.append.tenant, isExpress: isExpress)
            else { return (false, false) }
            if isExpress { queue.hasExpress = true }
            // One writer is told of the first, and another when it is worth it.
            let count = queue.waiting.count
            return (true, isExpress || count == 1 || count == Self.enough)
        }
        if wakes { queue.updateForOne { _ in } }
        return isTaken
    }

    /// Queues appends of new streams in bulk, from the front, as far as there is room: after what others wait for, in a
    /// part of the queue of their own.
    ///
    /// - Parameter whenRoom: called once, on a writer thread, when it is worth trying again; where not all were taken.
    /// - Returns: how many were taken; nil where the writer is stopping and takes none any more.
    public func submit(
        _ appends: ArraySlice<BulkAppend>, of bulk: any BulkAppends, whenRoom: @escaping @Sendable () -> Void
    ) -> Int? {
        let tenant = bulk.key.tenant
        return queue.update { queue in
            guard queue.accepting else { return nil }
            var taken = 0
            for append in appends {
                let waiting = Waiting(
                    append: append.append, origin: .bulk(bulk, place: append.place), span: nil)
                guard queue.waiting.append(inBulk: waiting, of: tenant) else {
                    queue.waitingForRoom.append(whenRoom)
                    break
                }
                taken += 1
            }
            return taken
        }
    }

    /// Why the server refused the last commit, where it is to blame and only a commit shows it (a full disk); nil after one
    /// that succeeded. After some seconds without any it is nil too: a request has to be let in to try.
    public var problem: String? {
        setback.withLock { $0 }.flatMap { $0.at.duration(to: .now) < Self.memory ? $0.reason : nil }
    }

    private static let memory: Duration = .seconds(10)

    /// Requests waiting, for readiness and metrics.
    public var depth: Int { queue.withLock { $0.waiting.count } }

    /// Runs the writer threads until `stop`, then writes what is queued and returns. Blocks the calling thread.
    public func run(until stop: StopSignal) {
        stop.onStop { [queue] in queue.update { $0.accepting = false } }
        let threads = (0..<writers).map { index in
            DedicatedThread.start("event-writer-\(index)") { self.write(until: stop) }
        }
        for thread in threads { thread.join() }
    }

    private func write(until stop: StopSignal) {
        var connection: Connection?
        while let batch = take() {
            commit(batch, on: &connection)
            if connection?.isUsable != true {
                connection = nil
                // What waits is another's meanwhile.
                queue.updateForOne { _ in }
                // The next batch finds out whether the database is back; its clients shouldn't have to hammer it.
                stop.wait(for: .milliseconds(50))
            }
        }
    }

    /// The next batch; nil when stopping and empty.
    private func take() -> [Waiting]? {
        let batch = queue.wait { $0.next(batchLimit, at: $1) }
        for tell in queue.withLock({ queue in
            defer { queue.waitingForRoom = [] }
            return queue.waitingForRoom
        }) { tell() }
        return batch
    }

    private func open(_ connection: Connection?) throws(PostgresError) -> Connection {
        // What was lost while nothing was to do costs no request its answer.
        if let connection, connection.isAlive() { return connection }
        return try Connection(database, logger: logger)
    }

    private func commit(_ batch: [Waiting], on connection: inout Connection?) {
        let bulks = Bulks(batch.lazy.map { if case .bulk(let bulk, _) = $0.origin { bulk } else { nil } })
        let spans = traces.flatMap { AppendSpans(batch.compactMap(\.span), batchSize: batch.count, $0) }
        let started = ContinuousClock.now
        let outcome: Result<Set<Int>, PostgresError>
        do throws(PostgresError) {
            // One attempt: the client waits, and knows better than we whether it still cares.
            let open = try self.open(connection)
            connection = open
            outcome = .success(try append(batch.map(\.append), bulks, on: open))
            setback.withLock { $0 = nil }
            onCommit(batch.contains(where: \.append.isExpress))
        } catch {
            outcome = .failure(error)
            if error.showsInCommitsOnly { setback.withLock { $0 = Setback(reason: "\(error)") } }
            logger.warning("append_failed", metadata: ["error": "\(error)", "requests": "\(batch.count)"])
        }
        // Who is answered may ask again before all are.
        queue.withLock { $0.committing -= 1 }
        metrics.batch(batch.count, outcome, in: started.duration(to: .now))
        if let spans, case .failure(let error) = outcome { spans.end(failure: error) } else { spans?.end(failure: nil) }
        together {
            var places: [ObjectIdentifier: [(place: Int, outcome: Outcome)]] = [:]
            for (index, waiting) in batch.enumerated() {
                let own: Outcome =
                    switch outcome {
                    case .success(let lost): lost.contains(index) ? .versionTaken : .appended
                    case .failure(let error): .failed(error)
                    }
                switch waiting.origin {
                case .request(let completion): completion(own)
                case .bulk(let bulk, let place): places[ObjectIdentifier(bulk), default: []].append((place, own))
                }
            }
            for bulk in bulks.all { bulk.completed(places[ObjectIdentifier(bulk)] ?? []) }
        }
    }

    /// Appends, and has the ledger write what is bulk, in one transaction. Returns what wasn't appended.
    private func append(
        _ appends: [StreamAppend], _ bulks: Bulks, on connection: Connection
    ) throws(PostgresError) -> Set<Int> {
        guard let ledger, !bulks.all.isEmpty else { return try append(appends, on: connection) }
        do {
            return try connection.transaction { connection in
                let closed = try ledger.lock(bulks.keys, on: connection)
                var kept = Array(appends.indices)
                if !closed.isEmpty { kept.removeAll { bulks.key(at: $0).map(closed.contains) ?? false } }
                let lost = try Self.append(kept.map { appends[$0] }, areFresh: bulks.areFresh, on: connection)
                let notAppended = Set(lost.map { kept[$0] }).union(Set(appends.indices).subtracting(kept))
                var counts: [StreamKey: Int] = [:]
                for index in kept where !notAppended.contains(index) {
                    if let key = bulks.key(at: index) { counts[key, default: 0] += 1 }
                }
                try ledger.add(counts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }, on: connection)
                return notAppended
            }
        } catch {
            throw PostgresError(thrown: error)
        }
    }

    /// Appends in a statement of their own. Returns what wasn't appended.
    ///
    /// Nearly always all begin streams that nobody has begun, which costs the server less. Requests that come again do so
    /// in crowds: after one, nothing is taken for new for a while.
    private func append(_ appends: [StreamAppend], on connection: Connection) throws(PostgresError) -> Set<Int> {
        let areNew =
            appends.allSatisfy { $0.expectedVersion == 0 && $0.scheduled == nil }
            && repeated.withLock { $0.map { $0.duration(to: .now) > Self.memory } ?? true }
        if areNew {
            do throws(PostgresError) {
                try EventStore.begin(appends, on: connection)
                return []
            } catch {
                guard error.violates(.uniqueViolation) else { throw error }
                repeated.withLock { $0 = .now }
            }
        }
        return Set(try EventStore.append(appends, on: connection))
    }

    /// Returns the indexes of those that were there already.
    private static func append(
        _ appends: [StreamAppend], areFresh: Bool, on connection: Connection
    ) throws -> [Int] {
        if appends.isEmpty { return [] }
        if areFresh, appends.allSatisfy({ $0.scheduled == nil && $0.expectedVersion == 0 }) {
            do {
                try connection.savepoint { try EventStore.begin(appends, on: $0) }
                return []
            } catch let error as PostgresError where error.violates(.uniqueViolation) {
                // One of them is there after all: they are looked at one by one.
            }
        }
        return try EventStore.append(appends, on: connection)
    }
}

extension PostgresError {
    /// Whether the server is to blame in a way that asking it doesn't tell (`DatabasePulse`).
    fileprivate var showsInCommitsOnly: Bool {
        guard case .server(let state) = kind, state != .readOnlyTransaction else { return false }
        return cause == .outage || cause == .upkeep
    }
}

/// Counters of the event store's writer.
private struct EventWriterMetrics {
    private let appended = Counter(label: "orderflow_eventstore_appends_total", dimensions: [("outcome", "appended")])
    private let taken = Counter(label: "orderflow_eventstore_appends_total", dimensions: [("outcome", "version_taken")])
    private let failed = Counter(label: "orderflow_eventstore_appends_total", dimensions: [("outcome", "failed")])
    private let batchSize = Recorder(label: "orderflow_eventstore_batch_size", aggregate: true)
    private let time = Metrics.Timer(label: "orderflow_eventstore_commit_seconds")

    func batch(_ count: Int, _ outcome: Result<Set<Int>, PostgresError>, in duration: Duration) {
        batchSize.record(count)
        time.record(duration: duration)
        switch outcome {
        case .success(let lost):
            appended.increment(by: count - lost.count)
            if !lost.isEmpty { taken.increment(by: lost.count) }
        case .failure: failed.increment(by: count)
        }
    }
}
