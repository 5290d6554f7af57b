import Execution
import Foundation
import Kafka
import Logging
import Metrics
import Postgres
import ShippingFacts
import Telemetry
import TestServers
import Testing

@testable import OrderflowApp
@testable import OrderflowKit
@testable import Shipping

/// What a running service says of itself, with real servers behind it.
@Suite(.blocking, .servers) struct ScrapeTests {
    private let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    /// The metrics of this process: swift-metrics takes one backend, once.
    private static let metrics: PrometheusMetrics = {
        let metrics = PrometheusMetrics()
        MetricsSystem.bootstrap(metrics)
        return metrics
    }()

    @Test func aServiceShowsItsLagItsRelayAndItsBrokers() async throws {
        let database = try PostgresConfiguration(PostgresServer.shared.get().createDatabase())
        try await DedicatedThread.run("migrate") {
            _ = try Migrator.migrate(Connection(database), ServiceDatabase.shipping.migrations)
        }
        var settings = Settings(ServiceCatalogue([.shipping]))
        settings.topics.names[.orderEvents] = "scrape-\(UUID().uuidString)"
        let topics = settings.topics.names
        let kafka = KafkaConfiguration(
            bootstrapServers: try KafkaBroker.shared.get().bootstrapServers, isDevBroker: true,
            properties: ["statistics.interval.ms": "100"])
        // What can't be read parks its key, and what comes after it under that key.
        let order = """
            {"type":"OrderCreated","version":1,"payload":{"orderId":"o-1","userId":"alice",\
            "items":[{"sku":"ABC","qty":1}],"total":9.99,"currency":"USD","createdAt":"2026-01-01T00:00:00Z"}}
            """
        try publish([("o-1", order), ("o-2", "no JSON"), ("o-2", order)], to: topics.orderEvents, kafka)

        let metrics = Self.metrics
        let service = try ServiceProcess(
            .shipping,
            ServiceContext(
                name: "shipping", settings: settings, kafka: kafka, database: database, health: HealthRegistry(),
                collectors: metrics.collectors, logger: logger))
        let stop = StopSignal()
        defer { stop.stop() }
        let running = Task { try await DedicatedThread.run("role") { try ThreadGroup.run(service.parts, until: stop) } }

        // ShipmentCreated and the dead letter went out, and ShipmentCreated came in again.
        let expected: Set<String> = [
            #"orderflow_kafka_received_messages_total{client="shipping-group"} 4"#,
            #"orderflow_kafka_sent_messages_total{client="shipping"} 2"#,
            #"orderflow_consumer_messages_total{group="shipping-group",outcome="handled"} 1"#,
            #"orderflow_consumer_messages_total{group="shipping-group",outcome="skipped"} 1"#,
            #"orderflow_consumer_messages_total{group="shipping-group",outcome="dead_letter"} 1"#,
            #"orderflow_consumer_messages_total{group="shipping-group",outcome="parked"} 1"#,
            #"orderflow_consumer_open_letters{group="shipping-group",status="dead"} 1"#,
            #"orderflow_consumer_open_letters{group="shipping-group",status="parked"} 1"#,
            #"orderflow_consumer_parked_keys{group="shipping-group"} 1"#,
            #"orderflow_consumer_lag_messages{group="shipping-group",partition="0",topic="\#(topics.orderEvents)"} 0"#,
            #"orderflow_consumer_assigned_partitions{group="shipping-group"} 2"#,
            #"orderflow_consumer_held_up{group="shipping-group"} 0"#,
            #"orderflow_relay_published_total{service="shipping",source="outbox"} 2"#,
            #"orderflow_relay_leading{service="shipping",source="outbox"} 1"#,
            #"orderflow_relay_lag_seconds{service="shipping",source="outbox"} 0"#,
            #"orderflow_relay_backlog_rows{service="shipping",source="outbox"} 0"#,
        ]
        func lines() -> [String] {
            String(decoding: metrics.exposition(), as: UTF8.self).split(separator: "\n").map(String.init)
        }
        // A failure says below what is missing.
        try? await eventually("everything is said") { () async -> Bool in expected.isSubset(of: lines()) }
        let lines = lines()
        #expect(expected.subtracting(lines).isEmpty)
        #expect(lines.contains { $0.hasPrefix("orderflow_kafka_broker_up{") && $0.hasSuffix(" 1") })
        #expect(lines.contains { $0.hasPrefix("orderflow_kafka_round_trip_seconds{") })
        for line in lines where line.hasPrefix("# TYPE ") {
            let name = String(line.split(separator: " ")[2])
            #expect(MetricHelp.all(OrderflowApp.services)[name] != nil, "\(name)")
        }
        stop.stop()
        try await running.value
    }

    private func publish(_ records: [(key: String, value: String)], to topic: String, _ kafka: KafkaConfiguration)
        throws
    {
        let deadLetters = "\(topic).shipping-group.dlt"
        _ = try Admin(kafka, logger: logger).createTopics(
            [topic, topic + "-express", deadLetters].map { NewTopic($0, partitions: 1, replication: 1) })
        let producer = try Producer(ProducerConfiguration(kafka), logger: logger)
        defer { producer.close(timeout: .seconds(5)) }
        let messages = records.map {
            OutgoingMessage(topic: topic, key: Array($0.key.utf8), value: Array($0.value.utf8))
        }
        for delivery in try producer.publish(messages, timeout: .seconds(20)) { _ = try delivery.get() }
    }
}
