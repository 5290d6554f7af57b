import Execution
import HTTPServer
import Postgres
import Telemetry

extension Collectors {
    /// A pool of database connections.
    public func watch(_ pool: ConnectionPool, name: String) {
        let labels = [("pool", name)]
        add { scrape in
            let counters = pool.counters
            scrape.gauge("orderflow_pool_size", labels, value: counters.size)
            scrape.gauge("orderflow_pool_connected", labels, value: counters.connected)
            scrape.gauge("orderflow_pool_in_use", labels, value: counters.inUse)
            scrape.gauge("orderflow_pool_queue_depth", labels, value: counters.queued)
            scrape.gauge("orderflow_pool_queue_limit", labels, value: counters.queueLimit)
            scrape.counter("orderflow_pool_completed_total", labels, value: counters.completed)
            scrape.counter("orderflow_pool_refused_total", labels, value: counters.refused)
            scrape.counter("orderflow_pool_expired_total", labels, value: counters.expired)
            scrape.counter("orderflow_pool_connects_total", labels, value: counters.connects)
        }
    }

    /// What clients of this process have yet to take.
    public func watch(_ server: HTTPServer) {
        add { scrape in scrape.gauge("orderflow_http_unsent_bytes", value: server.unsentBytes) }
    }

    /// A circuit breaker: 1 for the state that it is in.
    public func watch(_ breaker: CircuitBreaker) {
        add { scrape in
            let current = breaker.state
            for state in CircuitBreaker.State.allCases {
                scrape.gauge(
                    "orderflow_circuit_breaker_state", [("name", breaker.name), ("state", state.rawValue)],
                    value: state == current ? 1 : 0)
            }
        }
    }
}
