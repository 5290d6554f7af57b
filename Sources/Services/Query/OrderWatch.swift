import Execution
import HTTPServer
import Logging
import OrderflowKit
import Postgres
import Projection

/// Tells requests that an order's view has changed.
///
/// The projection notifies `OrderViewRows.channel` with each commit, and one thread listens to that. A notification may
/// get lost (it isn't stored), so it only shortens a wait: `RequestWatch` looks without one, too.
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

    private let database: PostgresConfiguration
    private let logger: Logger
    private let requests: RequestWatch<Interest, OrderViewStore.View>

    /// - Parameters:
    ///   - views: where views are looked up.
    ///   - database: of the views, for a connection that listens.
    ///   - isDraining: whether the daemon is on its way out; then nobody is kept waiting.
    public init(
        views: ConnectionPool, database: PostgresConfiguration, limits: Limits = Limits(),
        isDraining: @escaping @Sendable () -> Bool = { false }, logger: Logger
    ) {
        self.database = database
        self.logger = logger
        requests = RequestWatch(
            "view", views, waits: Places(limits.waits, share: limits.waitsPerAddress),
            streams: Places(limits.streams, share: limits.streamsPerAddress), pace: .milliseconds(10),
            isDraining: isDraining, logger: logger, remember: { $0.known = $1.tag }, look: Self.look)
    }

    /// Calls `completion` once: with the first view that meets the interest, on a thread of ours, or with nil after
    /// `duration`. Throws, and never calls, when too many wait.
    ///
    /// - Returns: ends the wait now, as if the time were up.
    func wait(
        _ interest: Interest, for duration: Duration, from origin: SocketAddress.Origin,
        _ completion: @escaping @Sendable (OrderViewStore.View?) -> Void
    ) throws(HTTPProblem) -> @Sendable () -> Void {
        try requests.wait(interest, for: duration, from: origin, completion)
    }

    /// Calls `send` with every state of a view that is seen and differs from the one before, until `send` answers
    /// false. States that follow each other quickly may be seen as one. Throws, and never calls, when too many stream.
    ///
    /// - Returns: ends it.
    func stream(
        _ interest: Interest, from origin: SocketAddress.Origin,
        _ open: () -> (@Sendable (OrderViewStore.View) -> Bool)
    ) throws(HTTPProblem) -> @Sendable () -> Void {
        try requests.stream(interest, from: origin, open)
    }

    var census: RequestWatch<Interest, OrderViewStore.View>.Census { requests.census }

    public var parts: [ThreadGroup.Part] {
        [
            ThreadGroup.Part("view-listener") { self.listen(until: $0) },
            ThreadGroup.Part("view-watch") { self.requests.run(until: $0) },
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
                    requests.changed()
                    while !stop.isStopped {
                        if try connection.waitForNotification(timeout: .seconds(60), stop: stop) != nil {
                            requests.changed()
                        }
                    }
                }
            } catch {
                logger.debug("view_listener_lost", metadata: ["error": "\(error)"])
            }
        }
    }

    // MARK: The watch

    /// Each tenant's interests in its own name: PostgreSQL shows a look no rows of others. False where some are left for
    /// the next look, because those found fill what one may hold; the tenants come in any order, so that one whose views
    /// change all the time doesn't keep the others waiting.
    @Sendable private static func look(
        _ interests: RequestWatch<Interest, OrderViewStore.View>.Interests, on connection: Connection,
        _ tell: (Int, OrderViewStore.View) -> Void
    ) throws -> Bool {
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
}
