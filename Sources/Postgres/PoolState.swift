import DequeModule
import Execution

/// What a pool's threads and its callers share: the queue, who is idle, the counters.
final class PoolState: Sendable {
    struct Job: Sendable {
        let ticket: UInt64
        /// When it must have got a connection.
        let deadline: ContinuousClock.Instant
        let body: @Sendable (Result<Connection, PostgresError>) -> Void
    }

    /// Where an idle thread waits for the job that is handed to it: waking that one thread, not all.
    final class Desk: Sendable {
        enum Mail: Sendable {
            case job(Job)
            case leave
        }

        let mail = Monitor<Mail?>(nil)
    }

    private struct State {
        var queue: Deque<Job> = []
        var idle: [Desk] = []
        var isStopped = false
        var threads: Int
        var nextTicket: UInt64 = 0
        var handles: [Int: CancelHandle] = [:]
        var counters: ConnectionPool.Counters
    }

    private let state: Monitor<State>
    private let waitLimit: Duration
    /// Ends waits for a reconnection.
    let stop = StopSignal()

    init(size: Int, queueLimit: Int, waitLimit: Duration) {
        var counters = ConnectionPool.Counters()
        counters.size = size
        counters.queueLimit = queueLimit
        state = Monitor(State(threads: size, counters: counters))
        self.waitLimit = waitLimit
    }

    var counters: ConnectionPool.Counters { state.withLock { $0.counters } }

    // MARK: Callers

    func add(_ body: @escaping @Sendable (Result<Connection, PostgresError>) -> Void)
        -> (ticket: UInt64, refusal: PostgresError?)
    {
        let deadline = ContinuousClock.now + waitLimit
        var desk: Desk?
        var job: Job?
        let outcome = state.withLock { state -> (UInt64, PostgresError?) in
            state.nextTicket += 1
            let ticket = state.nextTicket
            guard !state.isStopped else { return (ticket, PostgresError(.closed, "the pool is shut down")) }
            let new = Job(ticket: ticket, deadline: deadline, body: body)
            desk = state.idle.popLast()
            if desk != nil {
                job = new
                return (ticket, nil)
            }
            guard state.counters.queued < state.counters.queueLimit else {
                state.counters.refused += 1
                return (ticket, PostgresError(.poolExhausted, "\(state.counters.queued) pieces of work wait already"))
            }
            state.queue.append(new)
            state.counters.queued += 1
            return (ticket, nil)
        }
        if let desk, let job { desk.mail.update { $0 = .job(job) } }
        return outcome
    }

    func cancel(_ ticket: UInt64) {
        let job = state.withLock { state -> Job? in
            guard let index = state.queue.firstIndex(where: { $0.ticket == ticket }) else { return nil }
            state.counters.queued -= 1
            return state.queue.remove(at: index)
        }
        job?.body(.failure(PostgresError(.cancelled, "the task was cancelled while its work was queued")))
    }

    @discardableResult
    func shutdown(deadline: Duration) -> Bool {
        beginStop()
        if threadsEnded(within: deadline) { return true }
        failQueue()
        // Again and again: work between two statements has nothing to cancel yet.
        let end = ContinuousClock.now + .seconds(2)
        repeat {
            let handles = state.withLock { Array($0.handles.values) }
            for handle in handles { handle.cancel(timeout: .seconds(1)) }
            if threadsEnded(within: .milliseconds(100)) { return true }
        } while .now < end
        return false
    }

    func abandon() {
        beginStop()
        failQueue()
    }

    private func beginStop() {
        let idle = state.update { state -> [Desk] in
            state.isStopped = true
            defer { state.idle = [] }
            return state.idle
        }
        stop.stop()
        for desk in idle { desk.mail.update { $0 = .leave } }
    }

    private func failQueue() {
        let jobs = state.withLock { state -> Deque<Job> in
            defer {
                state.queue = []
                state.counters.queued = 0
            }
            return state.queue
        }
        for job in jobs { job.body(.failure(PostgresError(.closed, "the pool is shut down"))) }
    }

    private func threadsEnded(within timeout: Duration) -> Bool {
        state.wait(for: timeout) { $0.threads == 0 ? true : nil } ?? false
    }

    // MARK: Threads

    /// The next job for the thread at `desk`; waits for one. Nil when the thread should end.
    func next(_ desk: Desk) -> Job? {
        enum Decision {
            case job(Job)
            case wait, leave
        }
        let decision = state.withLock { state -> Decision in
            if let job = state.queue.popFirst() {
                state.counters.queued -= 1
                return .job(job)
            }
            if state.isStopped { return .leave }
            state.idle.append(desk)
            return .wait
        }
        switch decision {
        case .job(let job): return job
        case .leave: return nil
        case .wait: break
        }
        let mail = desk.mail.wait(for: nil) { mail in
            defer { mail = nil }
            return mail
        }
        if case .job(let job)? = mail { return job }
        return nil
    }

    func started() { state.withLock { $0.counters.inUse += 1 } }

    func finished(expired: Bool) {
        state.withLock { state in
            state.counters.inUse -= 1
            state.counters.completed += expired ? 0 : 1
            state.counters.expired += expired ? 1 : 0
        }
    }

    func connected(_ thread: Int, _ handle: CancelHandle) {
        state.withLock { state in
            state.counters.connected += 1
            state.counters.connects += 1
            state.handles[thread] = handle
        }
    }

    func disconnected(_ thread: Int) {
        state.withLock { state in
            state.counters.connected -= 1
            state.handles[thread] = nil
        }
    }

    func threadEnded() { state.update { $0.threads -= 1 } }
}
