import Execution
import HTTPServer
import Logging
import OrderflowKit
import Postgres
import Projection

/// Tells requests that an order's view has changed: any number of them wait without a thread each.
///
/// The projection notifies `OrderViewRows.channel` with each commit. One thread listens to that; another one looks up
/// all that is waited for with one query at a time. A notification may get lost (it isn't stored), so it only shortens
/// a wait: everything is looked up every second besides, and once when it begins to wait.
public final class OrderWatch: Sendable {
    public struct Limits: Sendable {
        /// Requests that may wait; 503 beyond.
        public var waits = 1_000
        /// Of them, those of one address; 429 beyond. Nil where all come from one, as behind a proxy.
        public var waitsPerAddress: Int?
        /// Event streams that may be open; 503 beyond.
        public var streams = 1_000
        /// Of them, those of one address; 429 beyond.
        public var streamsPerAddress: Int?

        public init() {}
    }

    /// What a client waits for: a state of a view that shows at least `least` and is not `known`.
    struct Interest: Sendable {
        let orderID: String
        let reach: Reach
        var least = ViewTag.zero
        var known: ViewTag?
    }

    private struct Waiter {
        enum Telling {
            /// Once: nil when the time is up.
            case once(deadline: ContinuousClock.Instant, @Sendable (OrderViewStore.View?) -> Void)
            /// Of every state until it answers false.
            case stream(@Sendable (OrderViewStore.View) -> Bool)
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

        init(_ limits: Limits) {
            waits = Places(limits.waits, share: limits.waitsPerAddress)
            streams = Places(limits.streams, share: limits.streamsPerAddress)
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
    struct Census {
        let waits: Int
        let streams: Int
        let refused: Int
    }

    private let views: ConnectionPool
    private let database: PostgresConfiguration
    private let isDraining: @Sendable () -> Bool
    private let logger: Logger
    private let state: Monitor<State>

    private static let pollInterval: Duration = .seconds(1)
    /// Commits that come closer together than this are looked at together.
    private static let pace: Duration = .milliseconds(10)

    /// - Parameters:
    ///   - views: where views are looked up.
    ///   - database: of the views, for a connection that listens.
    ///   - isDraining: whether the daemon is on its way out; then nobody is kept waiting.
    public init(
        views: ConnectionPool, database: PostgresConfiguration, limits: Limits = Limits(),
        isDraining: @escaping @Sendable () -> Bool = { false }, logger: Logger
    ) {
        self.views = views
        self.database = database
        state = Monitor(State(limits))
        self.isDraining = isDraining
        self.logger = logger
    }

    /// Calls `completion` once: with the first view that meets the interest, on a thread of ours, or with nil after
    /// `duration`. Throws, and never calls, when too many wait.
    ///
    /// - Returns: ends the wait now, as if the time were up.
    func wait(
        _ interest: Interest, for duration: Duration, from origin: SocketAddress.Origin,
        _ completion: @escaping @Sendable (OrderViewStore.View?) -> Void
    ) throws(HTTPProblem) -> @Sendable () -> Void {
        let id = try state.update { state throws(HTTPProblem) in
            if state.isStopped { throw Unavailable.overloaded }
            if let problem = state.waits.take(origin) { throw problem }
            state.lastID += 1
            state.waiters[state.lastID] = Waiter(
                interest: interest, origin: origin, telling: .once(deadline: .now + duration, completion))
            state.isDirty = true
            return state.lastID
        }
        return { [state] in
            if state.withLock({ $0.remove(id) }) != nil { completion(nil) }
        }
    }

    /// Calls `send` with every state of a view that is seen and differs from the one before, until `send` answers
    /// false. States that follow each other quickly may be seen as one. Throws, and never calls, when too many stream.
    ///
    /// - Returns: ends it.
    func stream(
        _ interest: Interest, from origin: SocketAddress.Origin,
        _ open: () -> (@Sendable (OrderViewStore.View) -> Bool)
    ) throws(HTTPProblem) -> @Sendable () -> Void {
        try state.withLock { state throws(HTTPProblem) in
            if state.isStopped { throw Unavailable.overloaded }
            if let problem = state.streams.take(origin) { throw problem }
        }
        let send = open()
        let id = state.update { state in
            state.lastID += 1
            state.waiters[state.lastID] = Waiter(interest: interest, origin: origin, telling: .stream(send))
            state.isDirty = true
            return state.lastID
        }
        return { [state] in _ = state.withLock { $0.remove(id) } }
    }

    var census: Census {
        state.withLock {
            Census(
                waits: $0.waits.taken, streams: $0.streams.taken, refused: $0.waits.refused + $0.streams.refused)
        }
    }

    public var parts: [ThreadGroup.Part] {
        [
            ThreadGroup.Part("view-listener") { self.listen(until: $0) },
            ThreadGroup.Part("view-watch") { self.watch(until: $0) },
        ]
    }

    // MARK: The listener

    private func listen(until stop: StopSignal) {
        let connection = ReconnectingConnection(database, name: "view-listener", stop: stop, logger: logger) {
            try $0.listen(OrderViewRows.channel)
        }
        while !stop.isStopped {
            do {
                try connection.run { connection in
                    // What happened before we listened was not heard.
                    state.update { $0.isDirty = true }
                    while !stop.isStopped {
                        if try connection.waitForNotification(timeout: .seconds(60), stop: stop) != nil {
                            state.update { $0.isDirty = true }
                        }
                    }
                }
            } catch {
                logger.debug("view_listener_lost", metadata: ["error": "\(error)"])
            }
        }
    }

    // MARK: The watch

    private enum Step {
        case look([(id: Int, interest: Interest)])
        case expire([Waiter])
        case stop([Waiter])
    }

    private func watch(until stop: StopSignal) {
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

    /// Looks on a thread of the pool. One look at a time, so that a stream's states keep their order.
    private func look(_ interests: [(id: Int, interest: Interest)]) {
        let queued = views.submit { [self] connection in
            defer { state.update { $0.isLooking = false } }
            do {
                if try !look(interests, on: connection.get()) { state.update { $0.isDirty = true } }
            } catch {
                logger.debug("view_look_failed", metadata: ["error": "\(error)"])
            }
        }
        // The next poll tries again.
        if !queued { state.withLock { $0.isLooking = false } }
    }

    /// Each tenant's interests in its own name: PostgreSQL shows a look no rows of others. False where some are left for
    /// the next look, because those found fill what one may hold; the tenants come in any order, so that one whose views
    /// change all the time doesn't keep the others waiting.
    private func look(_ interests: [(id: Int, interest: Interest)], on connection: Connection) throws -> Bool {
        var room = OrderViewStore.lookBytes
        for (tenant, own) in Dictionary(grouping: interests, by: \.interest.reach.tenant).shuffled() {
            guard room > 0 else { return false }
            let (found, isComplete) = try connection.acting(for: tenant) {
                try OrderViewStore.changed(own.map(\.interest), bytes: room, on: $0)
            }
            // Those who were told are content for now.
            for (index, view) in found { tell(own[index].id, view) }
            if !isComplete { return false }
            room -= found.reduce(0) { $0 + $1.view.document.count }
        }
        return true
    }

    private func tell(_ id: Int, _ view: OrderViewStore.View) {
        let waiter = state.withLock { state in
            guard let waiter = state.waiters[id] else { return nil as Waiter? }
            if case .once = waiter.telling { return state.remove(id) }
            state.waiters[id]?.interest.known = view.tag
            return waiter
        }
        switch waiter?.telling {
        case .once(_, let completion): completion(view)
        case .stream(let send): if !send(view) { _ = state.withLock { $0.remove(id) } }
        case nil: break
        }
    }
}
