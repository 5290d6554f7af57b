import Execution
import Logging
import Metrics
import Postgres

/// Asks a service's database every few seconds what waits in it, on a thread and a connection of its own: the workers
/// are busy exactly when the answer matters, and a scrape must not wait for a database. Between the samples it keeps
/// the planner's statistics up with the tables. Where nothing waits and nothing is written, it asks for nothing.
///
/// All processes of a service say the same: take the maximum over them, not the sum.
public final class BacklogSampler: Sendable {
    private let queries: [BacklogQuery]
    private let database: PostgresConfiguration
    private let writes: WriteMark
    private let interval: Duration
    private let logger: Logger

    /// However quiet it is, so long after a sample comes the next.
    private static let longest: Duration = .seconds(60)
    /// A query is asked again no sooner than so many times as long as it took: a backlog that is long to count isn't made
    /// longer by counting it.
    private static let spacing = 100

    /// - Parameter writes: to the database's server, kept up by a `DatabasePulse`.
    public init(
        _ queries: [BacklogQuery], database: PostgresConfiguration, writes: WriteMark,
        interval: Duration = .seconds(5), logger: Logger
    ) {
        self.queries = queries
        self.database = database
        self.writes = writes
        self.interval = interval
        self.logger = logger
    }

    /// Samples until `stop`. Blocks the calling thread.
    public func run(until stop: StopSignal) {
        stop.onStop { [writes] in writes.stop() }
        let connection = ReconnectingConnection(database, name: "backlog", stop: stop, logger: logger)
        var gauges = queries.map { BacklogGauges($0) }
        var due = ContinuousClock.now
        // As of the last sample.
        var sampled = 0
        var isAtRest = false
        repeat {
            let moves = writes.moves
            refreshStatistics(on: connection, until: stop)
            if .now >= due {
                due = .now + interval
                sampled = moves
                isAtRest = sample(&gauges, on: connection, until: stop)
            }
            // Of what waits one may ask for how long, so that there is news of it though nothing was written.
            if isAtRest { writes.wait(beyond: sampled, for: Self.longest) }
        } while !stop.wait(for: min(interval, .seconds(1)))
    }

    private func refreshStatistics(on connection: ReconnectingConnection, until stop: StopSignal) {
        do {
            try connection.run { try TableStatistics.refresh(on: $0) }
        } catch {
            guard !stop.isStopped else { return }
            logger.debug("statistics_not_refreshed", metadata: ["error": "\(error)"])
        }
    }

    /// Whether everything is known, and nothing waits.
    private func sample(
        _ gauges: inout [BacklogGauges], on connection: ReconnectingConnection, until stop: StopSignal
    ) -> Bool {
        var isAtRest = true
        for index in gauges.indices where !stop.isStopped {
            let begun = ContinuousClock.now
            guard gauges[index].due <= begun else {
                isAtRest = false
                continue
            }
            do {
                if try !connection.run({ try gauges[index].sample(on: $0) }) { isAtRest = false }
                gauges[index].due = .now + begun.duration(to: .now) * Self.spacing
            } catch {
                isAtRest = false
                if stop.isStopped { break }
                logger.warning(
                    "backlog_unknown", metadata: ["metric": "\(gauges[index].query.metric)", "error": "\(error)"])
            }
        }
        return isAtRest
    }
}

/// The gauges of one query, made when a value first comes.
private struct BacklogGauges {
    let query: BacklogQuery
    var due = ContinuousClock.now
    private var gauges: [[String]: Gauge] = [:]

    init(_ query: BacklogQuery) {
        self.query = query
        // Nothing waits: a value all the same, so that an alert can tell it from no answer.
        if query.variable.isEmpty { _ = gauge([]) }
    }

    /// Whether nothing waits.
    mutating func sample(on connection: Connection) throws -> Bool {
        var silent = Set(gauges.keys)
        var isNothing = true
        for row in try connection.query(query.sql, query.parameters) {
            let labels = try query.variable.indices.map { try row.get($0 + 1, as: String.self) }
            let value = try row.get(0, as: Double.self)
            if value != 0, query.isWork { isNothing = false }
            gauge(labels).record(value)
            silent.remove(labels)
        }
        // What has gone from the answer is none, not what it was last.
        for labels in silent { gauges[labels]?.record(0) }
        return isNothing
    }

    private mutating func gauge(_ labels: [String]) -> Gauge {
        if let known = gauges[labels] { return known }
        let new = Gauge(
            label: query.metric, dimensions: query.dimensions + zip(query.variable, labels).map { ($0, $1) })
        gauges[labels] = new
        return new
    }
}
