import Execution
import Logging
import Messaging
import OrderflowKit
import Postgres
import Telemetry

/// Compares the read models with the event store all the time, in the background of the API role: the only one that
/// has connections to both databases.
///
/// Each round looks at the orders that changed last, at those that differed before, and at the next ones of a sweep
/// over all, which begins anew at its end. One process at a time does, by an advisory lock in the event store's database.
///
/// Replicas of what the event store says are compared in the same rounds, with the databases of the services that keep them.
///
/// Nothing new is said to differ while a read model's group has a backlog: its partitions don't keep step, and what one of
/// them has yet to read isn't missing.
public final class ConsistencyMonitor: Sendable {
    public struct Configuration: Sendable {
        public var interval: Duration = .seconds(10)
        /// Orders of the sweep in each round.
        public var sweep = 500
        /// Orders that changed less long ago aren't judged.
        public var settle: Duration = .seconds(30)

        public init() {}
    }

    public struct Status: Sendable {
        /// Nil until a round is through, and while another process does them.
        public var lag: ConsistencyCheck.Lag?
        public var differing: [OrderKey: [ViewDifference]] = [:]
        public var compared: Int64 = 0
        /// Whole sweeps over all orders.
        public var sweeps: Int64 = 0
        /// Rows of replicas that were compared, and streams of the event store that one hasn't got as it should with what
        /// is wrong, by the replica's name.
        public var replicas: [String: (compared: Int64, differing: [String])] = [:]
    }

    /// Differing orders that are remembered, and looked at again in each round.
    private static let memory = 1_000

    private let orders: PostgresConfiguration
    private let views: PostgresConfiguration
    private let topics: [String]
    private let progress: ReadingProgress?
    private let replicas: [WatchedReplica]
    private let configuration: Configuration
    private let logger: Logger
    private let state = Monitor(Status())

    /// - Parameters:
    ///   - progress: of the read models' groups; nil where all facts are known to have been handled.
    ///   - replicas: that are compared besides.
    init(
        orders: PostgresConfiguration, views: PostgresConfiguration, topics: [String],
        after progress: ReadingProgress? = nil, replicas: [WatchedReplica] = [],
        configuration: Configuration = Configuration(), logger: Logger
    ) {
        self.orders = orders
        self.views = views
        self.topics = topics
        self.progress = progress
        self.replicas = replicas
        self.configuration = configuration
        self.logger = logger
    }

    public var status: Status { state.withLock { $0 } }

    public var part: ThreadGroup.Part { ThreadGroup.Part("consistency") { self.run(until: $0) } }

    /// Compares until `stop`. Blocks the calling thread.
    public func run(until stop: StopSignal) {
        let lock = Connection.advisoryKey("orderflow consistency")
        let stored = ReconnectingConnection(orders, name: "consistency", stop: stop, logger: logger)
        let viewed = ReconnectingConnection(views, name: "consistency", stop: stop, logger: logger)
        var leads = (connects: 0, yes: false)
        var cursor: OrderKey?
        var replicas = replicas
        var sessions: [Connection?] = replicas.map { _ in nil }
        func closeSessions() {
            for index in sessions.indices {
                sessions[index]?.close()
                sessions[index] = nil
            }
        }
        defer { closeSessions() }
        while !stop.wait(for: configuration.interval) {
            do {
                try stored.run { connection in
                    // A lock is the session's: with a new connection it has to be taken anew.
                    if !leads.yes || leads.connects != stored.connects {
                        leads = (stored.connects, try connection.tryAdvisoryLock(lock))
                    }
                    guard leads.yes else {
                        state.update { $0 = Status() }
                        closeSessions()
                        return
                    }
                    let settledBefore = try viewed.run { try round(on: connection, $0, &cursor) }
                    for index in replicas.indices {
                        replicas[index].round(
                            sweep: configuration.sweep, settledBefore: settledBefore, orders: connection,
                            session: &sessions[index], logger: logger)
                        let (name, status) = (replicas[index].name, replicas[index].status)
                        let differing = status.differing.sorted { $0.key < $1.key }.map(\.value)
                        state.update { $0.replicas[name] = (status.compared, differing) }
                    }
                }
            } catch {
                if stop.isStopped { return }
                state.update { $0.lag = nil }
                logger.warning("read models not compared", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Returns the time before which what was said is settled.
    private func round(on orders: Connection, _ views: Connection, _ cursor: inout OrderKey?) throws -> Int64 {
        let check = ConsistencyCheck(orders: orders, views: views, topics: topics, settle: configuration.settle)
        let known = status.differing
        let sweep = configuration.sweep > 0 ? try check.sweep(after: cursor, limit: configuration.sweep) : []
        var round = try check.run(besides: sweep + known.keys)
        let unknown = round.differing.keys.filter { known[$0] == nil }
        if !unknown.isEmpty, !isUpToDate(round.settledBefore, on: views) {
            for key in unknown { round.differing[key] = nil }
        }
        cursor = sweep.count < configuration.sweep ? nil : sweep.last
        tell(round.differing, known: known)
        state.update { state in
            state.lag = round.lag
            state.compared += Int64(round.compared)
            if cursor == nil, configuration.sweep > 0 { state.sweeps += 1 }
            state.differing = Dictionary(
                uniqueKeysWithValues: round.differing.sorted { $0.key < $1.key }.prefix(Self.memory).map { ($0, $1) })
        }
        return round.settledBefore
    }

    /// Whether the read models have all that they are judged by. Not known while the brokers are away.
    private func isUpToDate(_ settledBefore: Int64, on views: Connection) -> Bool {
        progress?.isKnownToHaveHandled(before: settledBefore, on: views) ?? true
    }

    /// New ones, a few of them, and what is well again.
    private func tell(_ differing: [OrderKey: [ViewDifference]], known: [OrderKey: [ViewDifference]]) {
        for (key, found) in differing.sorted(by: { $0.key < $1.key }).filter({ known[$0.key] != $0.value }).prefix(10) {
            for difference in found {
                logger.error(
                    "read model differs",
                    metadata: [
                        "order_id": "\(key.orderID)", "tenant": "\(key.tenant)",
                        "read_model": "\(difference.model.rawValue)", "difference": "\(difference.text)",
                    ])
            }
        }
        for key in known.keys where differing[key] == nil {
            logger.info(
                "read model agrees again", metadata: ["order_id": "\(key.orderID)", "tenant": "\(key.tenant)"])
        }
    }
}

extension Collectors {
    /// How far read models are behind, and what differs. Only the process that compares says something.
    public func watch(_ consistency: ConsistencyMonitor) {
        add { scrape in
            let status = consistency.status
            scrape.counter("orderflow_view_compared_orders_total", value: Int(status.compared))
            scrape.counter("orderflow_view_sweeps_total", value: Int(status.sweeps))
            guard let lag = status.lag else { return }
            scrape.gauge("orderflow_view_lag_events", value: Int(lag.events))
            scrape.gauge("orderflow_view_lag_seconds", value: lag.seconds)
            for model in ViewDifference.Model.allCases {
                let count = status.differing.values.count { $0.contains { $0.model == model } }
                scrape.gauge("orderflow_view_differing_orders", [("read_model", model.rawValue)], value: count)
            }
            for (name, replica) in status.replicas.sorted(by: { $0.key < $1.key }) {
                scrape.counter(
                    "orderflow_replica_compared_rows_total", [("replica", name)], value: Int(replica.compared))
                scrape.gauge("orderflow_replica_differing_rows", [("replica", name)], value: replica.differing.count)
            }
        }
    }
}

extension HealthRegistry {
    /// Well while the read models and replicas say what the event store says.
    public func watch(consistency: ConsistencyMonitor) {
        register("read models") {
            let differing = consistency.status.differing
            guard let (key, found) = differing.min(by: { $0.key < $1.key }), let first = found.first else {
                return .ready
            }
            return .degraded(
                "\(differing.count) orders differ; \(first.model.rawValue) of \(key.orderID): \(first.text)")
        }
        register("replicas") {
            let differing = consistency.status.replicas.filter { !$0.value.differing.isEmpty }
            guard let (name, replica) = differing.min(by: { $0.key < $1.key }), let first = replica.differing.first
            else { return .ready }
            return .degraded("\(replica.differing.count) rows of \(name) differ; \(first)")
        }
    }
}
