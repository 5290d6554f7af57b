import Foundation
import TestServers
import TestShop
import Testing

@testable import OrderflowApp
@testable import OrderflowKit

/// What a whole shop says of itself to Prometheus.
@Suite(.serialized, .servers) struct MetricsTests {
    /// What there is only where a relay reads the log, a transaction is open for long, or a waiting message is taken back.
    private static let occasional: Set<String> = [
        "orderflow_relay_fallen_back", "orderflow_relay_slot_lag_bytes", "orderflow_database_long_transaction_seconds",
        "orderflow_schedule_cancelled_total",
    ]

    @Test func everyMetricThatHasAHelpIsExposedByAShop() async throws {
        let collector = try TraceCollector()
        let shop = try Shop(settings: [
            "ORDERFLOW_TELEMETRY_OTLP_ENDPOINT": collector.url, "ORDERFLOW_LOG_SHIP_LEVEL": "info",
            // Statistics soon, and orders that stay under way.
            "ORDERFLOW_KAFKA_PROPERTIES_STATISTICS_INTERVAL_MS": "500",
            "ORDERFLOW_PAYMENT_SIMULATOR_LATENCY": "60s", "ORDERFLOW_PAYMENT_TIMEOUT": "120s",
            // What is told of callers who are asked who they are, and may not ask for everything.
            "ORDERFLOW_AUTH_MODE": "required", "ORDERFLOW_LIMITS_RATE": "1000",
            "ORDERFLOW_ROUTES_COPIES": "fanout to=copies",
            // What is told of formats besides JSON.
            "ORDERFLOW_TOPICS_FORMAT": "order-events=protobuf",
        ])
        let key = try shop.run(["keys", "create", "--name", "all", "--scope", "orders:write,stock:read,operate"])
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let up = try shop.up()
        try up.start()
        try await up.waitUntilReady()
        _ = try await up.client.bearing(key).order()
        // Refused, for the key has no right to read orders: an operation and an error.
        _ = try await up.client.bearing(key).post("/graphql", #"{"query": "{ order(id: \"any\") { id } }"}"#)
        // A line of a batch that is refused, so that no second order is under way.
        _ = try await up.client.bearing(key).post("/orders/batch", #"[{"userId": 1}]"#)
        try await eventually("inventory answers a quote") {
            let quote = try await up.client.bearing(key).post("/quotes", #"{"items":[{"sku":"A","qty":1}]}"#)
            return quote.status == 200
        }
        try shop.produce("not JSON", key: "elsewhere", to: "order-events")

        let ports = up.port..<(up.port + OrderflowApp.services.modules.count)
        func scrape() async throws -> [Substring] {
            var lines: [Substring] = []
            for port in ports {
                guard let answer = try await ShopClient(port: port).bearing(key).get("/metrics", orNil: true) else {
                    continue
                }
                lines += answer.text.split(separator: "\n")
            }
            return lines
        }
        func missing(_ lines: [Substring]) -> Set<String> {
            let families = lines.filter { $0.hasPrefix("# TYPE ") }.map { String($0.split(separator: " ")[2]) }
            return Set(MetricHelp.all(OrderflowApp.services).keys).subtracting(families).subtracting(Self.occasional)
        }
        // A failure says below what is missing.
        try? await eventually(within: .seconds(40), "everything is said") { () async throws -> Bool in
            let lines = try await scrape()
            return missing(lines).isEmpty && lines.contains { $0.contains(#"step="payment""#) }
        }
        let lines = try await scrape()
        #expect(missing(lines).sorted() == [])
        let shown: [String] = [
            #"orderflow_sagas{saga="fulfilment",status="running"} 1"#,
            #"orderflow_saga_waiting_steps{progress="requested",saga="fulfilment",step="payment"} 1"#,
            #"orderflow_stock_requests_total{outcome="reserved"} 1"#,
            #"orderflow_payments_open{status="charging"} 1"#,
            #"orderflow_eventstore_appends_total{outcome="appended"} 1"#,
            #"orderflow_http_requests_total{method="POST",route="/orders",status="201"} 1"#,
            #"orderflow_batch_lines_total{outcome="refused"} 1"#,
            #"orderflow_circuit_breaker_state{name="gateway",state="closed"} 1"#,
        ]
        for line in shown { #expect(lines.contains { $0 == line }, "\(line)") }
        for group in ["shipping-group", "saga-group", "projection-group"] {
            let lag = #"orderflow_consumer_lag_messages{group="\#(group)",partition="0",topic="order-events"}"#
            #expect(lines.contains { $0.hasPrefix(lag) })
        }
    }
}
