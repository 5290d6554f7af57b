import Execution
import HTTPServer
import Logging
import Postgres

/// Tells requests of what they wait for: any number of them wait without a thread each.
///
/// One look asks for all that is waited for, on a thread of a pool, one look at a time, so that a stream's states keep
/// their order. There is one when something may have changed (`changed`), when a request begins to wait, and every second
/// besides, for changes that nobody has told of.
package final class RequestWatch<Interest: Sendable, Seen: Sendable>: Sendable {
    /// What is waited for, each with the number by which it is told.
    package typealias Interests = [(id: Int, interest: Interest)]

    /// Reads on a connection what the interests ask for, and tells those by whose number it is. False where some are left
    /// for another look at once.
    package typealias Look =
        @Sendable (_ interests: Interests, Connection, _ tell: (Int, Seen) -> Void) throws -> Bool

    private struct Waiter {
        enum Telling {
            /// Once: nil when the time is up.
            case once(deadline: ContinuousClock.Instant, @Sendable (Seen?) -> Void)
            /// Of every state until it answers false.
            case stream(@Sendable (Seen) -> Bool)
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
        /// Something may have changed since the last look.
        var isDirty = false
        var isLooking = false
        var isStopped = false

        mutating func add(_ waiter: Waiter) -> Int {
            lastID += 1
            waiters[lastID] = waiter
            isDirty = true
            return lastID
        }

        /// A client that goes gives its place back.
        mutating func remove(_ id: Int) -> Waiter? {
            guard let waiter = waiters.removeValue(forKey: id) else { return nil }
            switch waiter.telling {
            case .once: waits.give(waiter.origin)
            case .stream: streams.give(waiter.origin)
            }
            return waiter
        }
    }

    /// For metrics.
    package struct Census {
        package let waits: Int
        package let streams: Int
        package let refused: Int
    }

    private let name: String
    private let database: ConnectionPool
    private let pace: Duration
    private let isDraining: @Sendable () -> Bool
    private let logger: Logger
    private let remember: @Sendable (inout Interest, Seen) -> Void
    private let look: Look
    private let state: Monitor<State>

    private static var pollInterval: Duration { .seconds(1) }

    /// - Parameters:
    ///   - name: of the log's events.
    ///   - database: where looks are made.
    ///   - waits: places of those who wait for an answer.
    ///   - streams: places of open event streams.
    ///   - pace: changes that come closer together than this are looked at together.
    ///   - isDraining: whether the process is on its way out; then nobody is kept waiting.
    ///   - remember: makes of a stream's interest the one in what differs from the state that it was told of.
    package init(
        _ name: String, _ database: ConnectionPool, waits: Places, streams: Places, pace: Duration,
        isDraining: @escaping @Sendable () -> Bool, logger: Logger,
        remember: @escaping @Sendable (inout Interest, Seen) -> Void, look: @escaping Look
    ) {
        self.name = name
        self.database = database
        self.pace = pace
        self.isDraining = isDraining
        self.logger = logger
        self.remember = remember
        self.look = look
        state = Monitor(State(waits: waits, streams: streams))
    }

    /// What is waited for may have changed. From any thread; costs next to nothing where nobody waits.
    package func changed() {
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
    package func wait(
        _ interest: Interest, for duration: Duration, from origin: SocketAddress.Origin,
        _ completion: @escaping @Sendable (Seen?) -> Void
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

    /// Calls `send` with every state that is seen and differs from the one before, until `send` answers false. States
    /// that follow each other quickly may be seen as one. Throws, and never calls, when too many stream.
    ///
    /// - Returns: ends it.
    package func stream(
        _ interest: Interest, from origin: SocketAddress.Origin, _ open: () -> (@Sendable (Seen) -> Bool)
    ) throws(HTTPProblem) -> @Sendable () -> Void {
        try state.withLock { state throws(HTTPProblem) in
            if state.isStopped { throw Unavailable.overloaded }
            if let problem = state.streams.take(origin) { throw problem }
        }
        let send = open()
        let id = state.update { $0.add(Waiter(interest: interest, origin: origin, telling: .stream(send))) }
        return { [state] in _ = state.withLock { $0.remove(id) } }
    }

    package var census: Census {
        state.withLock {
            Census(waits: $0.waits.taken, streams: $0.streams.taken, refused: $0.waits.refused + $0.streams.refused)
        }
    }

    // MARK: The thread

    private enum Step {
        case look(Interests)
        case expire([Waiter])
        case stop([Waiter])
    }

    /// Blocks the calling thread until `stop`; then nobody waits any more.
    package func run(until stop: StopSignal) {
        stop.onStop { [state] in state.update { $0.isStopped = true } }
        while true {
            switch state.wait(for: untilNext(), { self.nextStep(&$0) }) {
            case .look(let interests):
                begin(interests)
                stop.wait(for: pace)
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

    private func begin(_ interests: Interests) {
        let queued = database.submit { [self] connection in
            defer { state.update { $0.isLooking = false } }
            do {
                if try !look(interests, connection.get(), tell) { state.update { $0.isDirty = true } }
            } catch {
                logger.debug("\(name)_look_failed", metadata: ["error": "\(error)"])
            }
        }
        // The next poll tries again.
        if !queued { state.withLock { $0.isLooking = false } }
    }

    private func tell(_ id: Int, _ seen: Seen) {
        let waiter = state.withLock { state in
            guard let waiter = state.waiters[id] else { return nil as Waiter? }
            if case .once = waiter.telling { return state.remove(id) }
            remember(&state.waiters[id, default: waiter].interest, seen)
            return waiter
        }
        switch waiter?.telling {
        case .once(_, let completion): completion(seen)
        case .stream(let send): if !send(seen) { _ = state.withLock { $0.remove(id) } }
        case nil: break
        }
    }
}
