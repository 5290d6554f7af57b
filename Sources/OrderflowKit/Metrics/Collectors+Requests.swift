import Messaging
import Telemetry

extension Collectors {
    /// What a process asks others: how much of it is under way.
    public func watch(_ client: MessageClient) {
        watch(client.breaker)
        add { scrape in
            scrape.gauge("orderflow_requests_in_flight", value: client.inFlight)
            scrape.gauge("orderflow_requests_in_flight_limit", value: client.inFlightLimit)
            let dropped = client.dropped
            for (reason, count) in [("late", dropped.late), ("unbelieved", dropped.unbelieved)] {
                scrape.counter("orderflow_request_replies_dropped_total", [("reason", reason)], value: count)
            }
        }
    }
}
