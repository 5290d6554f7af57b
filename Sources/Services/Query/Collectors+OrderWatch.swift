import Telemetry

extension Collectors {
    /// Those who wait for orders to change.
    public func watch(_ watch: OrderWatch) {
        add { scrape in
            let census = watch.census
            scrape.gauge("orderflow_view_watchers", [("kind", "wait")], value: census.waits)
            scrape.gauge("orderflow_view_watchers", [("kind", "stream")], value: census.streams)
            scrape.counter("orderflow_view_watchers_refused_total", value: census.refused)
        }
    }
}
