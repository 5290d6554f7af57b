import JSON
import OrderflowKit
import Outbound

/// What one process says of itself at one moment.
struct RoleScrape: Sendable {
    /// Seconds on a clock that only goes forward.
    let at: Double
    let readiness: RoleReadiness
    let metrics: MetricsText
    let attention: JSONValue

    var process: String? { attention["process"]?.string }

    /// Asks a process over HTTP. Blocks the calling thread.
    ///
    /// - Parameters:
    ///   - credentials: header fields that tell it who asks.
    ///   - last: what it said before.
    init(
        asking address: RoleAddress, _ credentials: [(name: String, value: String)] = [], by client: HTTPClient,
        at now: Double, last: RoleScrape?
    ) throws {
        at = now
        readiness = try RoleReadiness(asking: address.url, by: client)
        let exposition = try client.send(HTTPClient.Request(url: "\(address.url)/metrics", headers: credentials))
        guard exposition.status != 401, exposition.status != 403 else { throw Refused(status: exposition.status) }
        metrics = MetricsText(exposition.body, keeping: Self.isOfInterest)
        // A role without a database has none. One whose database is away or slow can't say, and what it said last is
        // true until something has been done about it.
        let answer = try? client.send(HTTPClient.Request(url: "\(address.url)/attention", headers: credentials))
        let news = answer.flatMap { $0.status == 200 ? try? JSONValue(parsing: $0.body) : nil }
        attention = news ?? last?.attention ?? .null
    }

    /// The process doesn't know us.
    struct Refused: Error, CustomStringConvertible {
        let status: Int
        var description: String {
            "it refuses the dashboard (status \(status)): auth.service_key has to be the same in all processes"
        }
    }

    init(at now: Double, readiness: RoleReadiness, exposition: [UInt8], attention: JSONValue) {
        at = now
        self.readiness = readiness
        metrics = MetricsText(exposition, keeping: Self.isOfInterest)
        self.attention = attention
    }

    private static let families: Set<String> = [
        "orderflow_http_requests_total", "orderflow_eventstore_queue_depth", "orderflow_eventstore_queue_limit",
        "orderflow_relay_lag_seconds", "orderflow_relay_backlog_rows", "orderflow_relay_held_up",
        "orderflow_consumer_lag_messages", "orderflow_consumer_messages_total", "orderflow_consumer_held_up",
        "orderflow_consumer_transaction_seconds_bucket", "orderflow_consumer_open_letters", "orderflow_sagas",
        "orderflow_sagas_attention", "orderflow_saga_transitions_total", "orderflow_saga_step_seconds_bucket",
        "orderflow_saga_seconds_bucket", "orderflow_saga_waiting_steps", "orderflow_circuit_breaker_state",
        "orderflow_payments_oldest_seconds",
        "orderflow_mail_queue_oldest_seconds", "orderflow_view_lag_seconds", "orderflow_view_differing_orders",
        "process_resident_memory_bytes",
    ]

    private static func isOfInterest(_ name: String, _ labels: String) -> Bool {
        name == "orderflow_http_request_duration_seconds_bucket"
            ? labels.contains(#"method="POST""#) && labels.contains(#"route="/orders""#) : families.contains(name)
    }
}
