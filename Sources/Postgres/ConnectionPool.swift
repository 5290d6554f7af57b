import Execution
import Logging

/// N threads with one connection each, for callers that must not block: async code and event loops.
///
/// Work waits in a bounded queue; a full queue refuses at once, so that overload shows at the edge. Connections are
/// made when first needed and made again after a loss. While the database is down, work fails with `.connection`
/// after `waitLimit`, not later, and what comes meanwhile is tried with a new connection first. The thread used
/// last is used next: few busy connections with warm caches instead of many lukewarm ones.
public final class ConnectionPool: Sendable {
    /// For metrics.
    public struct Counters: Sendable, Hashable {
        public var size = 0
        public var queueLimit = 0
        /// Connections that exist, as far as a statement has shown.
        public var connected = 0
        public var inUse = 0
        public var queued = 0
        /// Since the start: work run, work refused by the full queue, work given up without a connection or after
        /// waiting too long, connections made.
        public var completed = 0
        public var refused = 0
        public var expired = 0
        public var connects = 0
    }

    private let shared: PoolState
    /// For who uses the pool: where the pool itself reports, too.
    package let logger: Logger
    /// All of the process that haven't been shut down, for its end.
    private static let living = Monitor<[ObjectIdentifier: PoolState]>([:])

    /// `waitLimit`: how long work may wait for its turn and a connection together.
    public init(
        _ configuration: PostgresConfiguration, size: Int, queueLimit: Int = 1000, name: String = "pg",
        waitLimit: Duration = .seconds(5), logger: Logger
    ) {
        precondition(size > 0 && queueLimit >= 0, "a pool of \(size) with a queue of \(queueLimit)")
        self.logger = logger
        shared = PoolState(size: size, queueLimit: queueLimit, waitLimit: waitLimit)
        Self.living.withLock { [shared] in $0[ObjectIdentifier(shared)] = shared }
        for index in 0..<size {
            let worker = PoolWorker(index, shared, configuration, name: name, logger: logger)
            DedicatedThread.start("\(name)-\(index)") { worker.run() }
        }
    }

    /// Running work ends by itself; queued work fails with `.closed`.
    deinit {
        forget()
        shared.abandon()
    }

    private func forget() { Self.living.withLock { [shared] in $0[ObjectIdentifier(shared)] = nil } }

    public var counters: Counters { shared.counters }

    /// Queues work from any thread. The body runs on a thread of the pool, with a connection or with the reason why
    /// there is none. False, and the body never runs, when the queue is full or the pool shut down.
    public func submit(_ body: @escaping @Sendable (Result<Connection, PostgresError>) -> Void) -> Bool {
        shared.add(body).refusal == nil
    }

    /// Runs blocking work on a thread of the pool. Cancelling the task takes the work out of the queue; work that
    /// runs already goes on to its end.
    public func withConnection<R: Sendable>(_ body: @escaping @Sendable (Connection) throws -> R) async throws -> R {
        let ticket = Monitor<UInt64?>(nil)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                guard !Task.isCancelled else {
                    return continuation.resume(throwing: PostgresError(.cancelled, "the task was cancelled"))
                }
                let added = shared.add { connection in
                    continuation.resume(with: Result { try body(connection.get()) })
                }
                if let refusal = added.refusal { continuation.resume(throwing: refusal) }
                ticket.update { $0 = added.ticket }
            }
        } onCancel: { [shared] in
            if let ticket = ticket.withLock({ $0 }) { shared.cancel(ticket) }
        }
    }

    /// Takes no more work, runs what is queued, ends the sessions. Past `deadline` queued work fails with `.closed`
    /// and running statements are cancelled. Blocks; false when a thread was still busy two seconds after that.
    @discardableResult
    public func shutdown(deadline: Duration = .seconds(5)) -> Bool {
        forget()
        return shared.shutdown(deadline: deadline)
    }

    /// Shuts down all pools of the process, so that none of their threads has a session open at its end. Blocks.
    public static func shutdownAll(deadline: Duration) {
        let end = ContinuousClock.now + deadline
        let pools = living.withLock { living in
            defer { living = [:] }
            return Array(living.values)
        }
        for pool in pools { pool.shutdown(deadline: max(.zero, ContinuousClock.now.duration(to: end))) }
    }

    /// As the blocking one, for async callers.
    @discardableResult
    public func shutdown(deadline: Duration = .seconds(5)) async -> Bool {
        forget()
        let shared = shared
        return (try? await DedicatedThread.run("pg-shutdown") { shared.shutdown(deadline: deadline) }) ?? false
    }
}
