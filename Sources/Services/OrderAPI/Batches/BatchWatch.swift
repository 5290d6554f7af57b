import Execution
import HTTPServer
import Logging
import OrderflowKit
import Postgres

/// Tells requests that a batch has changed: any number of them wait without a thread each.
///
/// What this process commits wakes the watch; what others do is seen within a second. One look asks for all batches that
/// are waited for, and looks are a tenth of a second apart: a batch's counts change with every commit that ends orders.
final class BatchWatch: Sendable {
    /// What a client waits for.
    struct Interest: Sendable {
        enum Change: Sendable, Hashable {
            /// A state with another tag.
            case other(than: String)
            case completed
        }

        let key: BatchKey
        var change: Change

        fileprivate func isMet(by state: BatchState) -> Bool {
            switch change {
            case .other(let known): state.tag != known
            case .completed: state.stage == .completed
            }
        }
    }

    private struct Waiter {
        enum Telling {
            /// Once: nil when the time is up.
            case once(deadline: ContinuousClock.Instant, @Sendable (BatchState?) -> Void)
            /// Of every state until it answers false.
            case stream(@Sendable (BatchState) -> Bool)
        }

        var interest: Interest
        let origin: SocketAddress.Origin
        let telling: Telling
    }

    private struct State {
        var waiters: [Int: Waiter] = [:]
        var lastID = 0
        var waits: Places
        var streams: Places
        var isDirty = false
        var isLooking = false
        var isStopped = false

        mutating func add(_ waiter: Waiter) -> Int {
            lastID += 1
            waiters[lastID] = waiter
            isDirty = true
            return lastID
        }

        /// Whoever goes gives its place back.
        mutating func remove(_ id: Int) -> Waiter? {
            guard let waiter = waiters.removeValue(forKey: id) else { return nil }
            switch waiter.telling {
            case .once: waits.give(waiter.origin)
            case .stream: streams.give(waiter.origin)
            }
            return waiter
        }
    }

    private let database: ConnectionPool
    private let isDraining: @Sendable () -> Bool
    private let logger: Logger
    private let state: Monitor<State>

    private static let pollInterval: Duration = .seconds(1)
    private static let pace: Duration = .milliseconds(100)

    /// - Parameters:
    ///   - waits: places of those who wait for an answer.
    ///   - streams: places of open event streams.
    ///   - isDraining: whether the process is on its way out; then nobody is kept waiting.
    init(
        _ database: ConnectionPool, waits: Places, streams: Places,
        isDraining: @escaping @Sendable () -> Bool = { false }, logger: Logger
    ) {
        self.database = database
        self.isDraining = isDraining
        self.logger = logger
        state = Monitor(State(waits: waits, streams: streams))
    }

    /// Batches may have changed.
    func changed() {
        let isWatched = state.withLock { state in
            guard !state.waiters.isEmpty, !state.isDirty else { return false }
            state.isDirty = true
            return true
        }
        if isWatched { state.update { _ in } }
    }

    /// Calls `completion` once: with the first state that meets the interest, on a thread of ours, or with nil after
    /// `duration`. Throws, and never calls, when too many wait.
    ///
    /// - Returns: ends the wait now, as if the time were up.
    func wait(
        _ interest: Interest, for duration: Duration, from origin: SocketAddress.Origin,
        _ completion: @escaping @Sendable (BatchState?) -> Void
    ) throws(HTTPProblem) -> @Sendable () -> Void {
        let id = try state.update { state throws(HTTPProblem) in
            if state.isStopped { throw Unavailable.overloaded }
            if let problem = state.waits.take(origin) { throw problem }
            return state.add(
                Waiter(interest: interest, origin: origin, telling: .once(deadline: .now + duration, completion)))
        }
        return { [state] in
            if state.withLock({ $0.remove(id) }) != nil { completion(nil) }
        }
    }

    /// Calls `send` with every state that is seen and differs from the one before, until `send` answers false. Throws,
    /// and never calls, when too many stream.
    ///
    /// - Returns: ends it.
    func stream(
        _ interest: Interest, from origin: SocketAddress.Origin, _ open: () -> (@Sendable (BatchState) -> Bool)
    ) throws(HTTPProblem) -> @Sendable () -> Void {
        try state.withLock { state throws(HTTPProblem) in
            if state.isStopped { throw Unavailable.overloaded }
            if let problem = state.streams.take(origin) { throw problem }
        }
        let send = open()
        let id = state.update { $0.add(Waiter(interest: interest, origin: origin, telling: .stream(send))) }
        return { [state] in _ = state.withLock { $0.remove(id) } }
    }

    // MARK: The thread

    private enum Step {
        case look([(id: Int, interest: Interest)])
        case expire([Waiter])
        case stop([Waiter])
    }

    func run(until stop: StopSignal) {
        stop.onStop { [state] in state.update { $0.isStopped = true } }
        while true {
            switch state.wait(for: untilNext(), { self.nextStep(&$0) }) {
            case .look(let interests):
                look(interests)
                stop.wait(for: Self.pace)
            case .expire(let waiters): tellExpired(waiters)
            case .stop(let waiters): return tellExpired(waiters)
            case nil: state.withLock { $0.isDirty = !$0.waiters.isEmpty }
            }
        }
    }

    /// Nil while nobody waits.
    private func untilNext() -> Duration? {
        state.withLock { state in
            state.waiters.values.reduce(nil as Duration?) { shortest, waiter in
                var left = Self.pollInterval
                if case .once(let deadline, _) = waiter.telling {
                    left = min(left, ContinuousClock.now.duration(to: deadline))
                }
                return min(shortest ?? left, left)
            }
        }
    }

    private func nextStep(_ state: inout State) -> Step? {
        if state.isStopped {
            defer { state.waiters = [:] }
            return .stop(Array(state.waiters.values))
        }
        let everybody = isDraining()
        let now = ContinuousClock.now
        let expired = state.waiters.filter { _, waiter in
            if case .once(let deadline, _) = waiter.telling { everybody || deadline <= now } else { false }
        }
        if !expired.isEmpty {
            for id in expired.keys { _ = state.remove(id) }
            return .expire(Array(expired.values))
        }
        guard state.isDirty, !state.isLooking, !state.waiters.isEmpty else { return nil }
        state.isDirty = false
        state.isLooking = true
        return .look(state.waiters.map { (id: $0.key, interest: $0.value.interest) })
    }

    private func tellExpired(_ waiters: [Waiter]) {
        for waiter in waiters {
            if case .once(_, let completion) = waiter.telling { completion(nil) }
        }
    }

    /// Looks on a thread of the pool, in the name of each tenant in turn: PostgreSQL shows a look no rows of others.
    private func look(_ interests: [(id: Int, interest: Interest)]) {
        let queued = database.submit { [self] connection in
            defer { state.update { $0.isLooking = false } }
            do {
                let connection = try connection.get()
                for (tenant, own) in Dictionary(grouping: interests, by: \.interest.key.tenant) {
                    let wanted = Set(own.map(\.interest.key.batchID)).sorted()
                    let found = try connection.acting(for: tenant) { try BatchState.load(wanted, of: tenant, on: $0) }
                    for (id, interest) in own {
                        guard let state = found[interest.key.batchID], interest.isMet(by: state) else { continue }
                        tell(id, state)
                    }
                }
            } catch {
                logger.debug("batch_look_failed", metadata: ["error": "\(error)"])
            }
        }
        // The next poll tries again.
        if !queued { state.withLock { $0.isLooking = false } }
    }

    private func tell(_ id: Int, _ seen: BatchState) {
        let waiter = state.withLock { state in
            guard let waiter = state.waiters[id] else { return nil as Waiter? }
            if case .once = waiter.telling { return state.remove(id) }
            state.waiters[id]?.interest.change = .other(than: seen.tag)
            return waiter
        }
        switch waiter?.telling {
        case .once(_, let completion): completion(seen)
        case .stream(let send): if !send(seen) { _ = state.withLock { $0.remove(id) } }
        case nil: break
        }
    }
}
