import Execution
import Logging
import Metrics
import Postgres

/// Asks a service's database every few seconds what waits in it, on a thread and a connection of its own: the workers
/// are busy exactly when the answer matters, and a scrape must not wait for a database. Between the samples it keeps
/// the planner's statistics up with the tables.
///
/// All processes of a service say the same: take the maximum over them, not the sum.
public final class BacklogSampler: Sendable {
    private let queries: [BacklogQuery]
    private let database: PostgresConfiguration
    private let interval: Duration
    private let logger: Logger

    public init(
        _ queries: [BacklogQuery], database: PostgresConfiguration, interval: Duration = .seconds(5), logger: Logger
    ) {
        self.queries = queries
        self.database = database
        self.interval = interval
        self.logger = logger
    }

    /// Samples until `stop`. Blocks the calling thread.
    public func run(until stop: StopSignal) {
        let connection = ReconnectingConnection(database, name: "backlog", stop: stop, logger: logger)
        var gauges = queries.map { BacklogGauges($0) }
        var due = ContinuousClock.now
        repeat {
            do {
                try connection.run { try TableStatistics.refresh(on: $0) }
            } catch {
                if stop.isStopped { return }
                logger.debug("statistics_not_refreshed", metadata: ["error": "\(error)"])
            }
            guard .now >= due else { continue }
            due = .now + interval
            for index in gauges.indices {
                do {
                    try connection.run { try gauges[index].sample(on: $0) }
                } catch {
                    if stop.isStopped { return }
                    logger.warning(
                        "backlog_unknown", metadata: ["metric": "\(gauges[index].query.metric)", "error": "\(error)"])
                }
            }
        } while !stop.wait(for: min(interval, .seconds(1)))
    }
}

/// The gauges of one query, made when a value first comes.
private struct BacklogGauges {
    let query: BacklogQuery
    private var gauges: [[String]: Gauge] = [:]

    init(_ query: BacklogQuery) {
        self.query = query
        // Nothing waits: a value all the same, so that an alert can tell it from no answer.
        if query.variable.isEmpty { _ = gauge([]) }
    }

    mutating func sample(on connection: Connection) throws {
        var silent = Set(gauges.keys)
        for row in try connection.query(query.sql, query.parameters) {
            let labels = try query.variable.indices.map { try row.get($0 + 1, as: String.self) }
            gauge(labels).record(try row.get(0, as: Double.self))
            silent.remove(labels)
        }
        // What has gone from the answer is none, not what it was last.
        for labels in silent { gauges[labels]?.record(0) }
    }

    private mutating func gauge(_ labels: [String]) -> Gauge {
        if let known = gauges[labels] { return known }
        let new = Gauge(
            label: query.metric, dimensions: query.dimensions + zip(query.variable, labels).map { ($0, $1) })
        gauges[labels] = new
        return new
    }
}
