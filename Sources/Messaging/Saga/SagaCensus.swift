import Metrics
import Postgres

/// How many instances are under way, and how many of them need a person: gauges, counted now and then.
struct SagaCensus {
    private let saga: String
    private let open: [(SagaInstance.Status, Gauge)]
    private let attention: Gauge
    private var next = ContinuousClock.now

    private static let interval: Duration = .seconds(10)

    init(saga: String) {
        self.saga = saga
        open = SagaInstance.Status.allCases.filter { !$0.isEnd }.map {
            ($0, Gauge(label: "orderflow_sagas", dimensions: [("saga", saga), ("status", $0.rawValue)]))
        }
        attention = Gauge(label: "orderflow_sagas_attention", dimensions: [("saga", saga)])
    }

    mutating func takeWhenDue(on connection: Connection) throws {
        guard next <= .now else { return }
        var counts: [String: Int] = [:]
        for row in try connection.query(
            "SELECT status, count(*) FROM saga_instances WHERE saga = $1 AND ended_at IS NULL GROUP BY status",
            [.text(saga)])
        {
            counts[try row.get(0, as: String.self)] = try row.get(1, as: Int.self)
        }
        for (status, gauge) in open { gauge.record(counts[status.rawValue] ?? 0) }
        attention.record(
            try connection.query(
                "SELECT count(*) FROM saga_instances WHERE saga = $1 AND attention IS NOT NULL", [.text(saga)]
            ).one().get(0, as: Int.self))
        next = .now + Self.interval
    }
}
