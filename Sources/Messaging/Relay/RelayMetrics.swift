import Execution
import Metrics
import Telemetry

/// What a relay publishes, in numbers.
struct RelayMetrics {
    private let events: Counter
    private let delay: Metrics.Timer
    private let pageSize: Recorder
    private let service: String

    init(service: String, source: String) {
        self.service = service
        let dimensions = [("service", service), ("source", source)]
        events = Counter(label: "orderflow_relay_published_total", dimensions: dimensions)
        delay = Metrics.Timer(label: "orderflow_relay_delay_seconds", dimensions: dimensions)
        pageSize = Recorder(label: "orderflow_relay_page_size", dimensions: dimensions, aggregate: true)
    }

    func published(_ count: Int, oldest: Int64?) {
        events.increment(by: count)
        pageSize.record(count)
        if let oldest { delay.recordMicroseconds(max(0, WallClock.nowMicroseconds() - oldest)) }
    }

    /// Copies among what was published, by the routes that they went.
    func copied(_ records: [RelayRecord]) {
        var counts: [String: Int] = [:]
        for index in records.indices where !records[index].copies.isEmpty {
            for copy in records[index].copies { counts[copy.route, default: 0] += 1 }
        }
        for (route, count) in counts {
            Counter(label: "orderflow_route_copies_total", dimensions: [("service", service), ("route", route)])
                .increment(by: count)
        }
    }
}
