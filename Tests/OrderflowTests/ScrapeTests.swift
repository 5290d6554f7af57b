import Execution
import Foundation
import Kafka
import Logging
import Postgres
import Services
import Telemetry
import TestServers
import Testing

@testable import orderflow

/// What a running service says of itself, with real servers behind it.
@Suite struct ScrapeTests {
    private let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    @Test func aServiceShowsItsLagItsRelayAndItsBrokers() async throws {
        let database = try PostgresConfiguration(PostgresServer.shared.get().createDatabase())
        try await DedicatedThread.run("migrate") {
            _ = try Migrator.migrate(Connection(database), ShippingService.migrations)
        }
        var topics = Topics()
        topics.orderEvents = "scrape-\(UUID().uuidString)"
        let kafka = KafkaConfiguration(
            bootstrapServers: try KafkaBroker.shared.get().bootstrapServers,
            properties: ["statistics.interval.ms": "100"])
        try publish(order: "o-1", to: topics.orderEvents, kafka)

        let metrics = PrometheusMetrics()
        let service = try ShippingService(
            ServiceContext(
                name: "shipping", kafka: kafka, database: database, topics: topics, health: HealthRegistry(),
                collectors: metrics.collectors, logger: logger))
        let stop = StopSignal()
        defer { stop.stop() }
        let running = Task { try await DedicatedThread.run("role") { try ThreadGroup.run(service.parts, until: stop) } }

        // OrderCreated came in, ShipmentCreated went out to the same topic and came in again.
        try await eventually("the service has read both records") { () async -> Bool in
            let text = String(decoding: metrics.exposition(), as: UTF8.self)
            return text.contains(#"orderflow_kafka_received_messages_total{client="shipping-group"} 2"#)
                && text.contains(#"orderflow_kafka_sent_messages_total{client="shipping"} 1"#)
                && text.contains(
                    #"orderflow_consumer_lag_messages{group="shipping-group",partition="0",topic="\#(topics.orderEvents)"} 0"#
                )
        }
        let lines = String(decoding: metrics.exposition(), as: UTF8.self).split(separator: "\n")
        #expect(lines.contains(#"orderflow_consumer_assigned_partitions{group="shipping-group"} 1"#))
        #expect(lines.contains(#"orderflow_consumer_held_up{group="shipping-group"} 0"#))
        #expect(lines.contains(#"orderflow_relay_leading{service="shipping",source="outbox"} 1"#))
        #expect(lines.contains(#"orderflow_relay_lag_seconds{service="shipping",source="outbox"} 0"#))
        #expect(lines.contains { $0.hasPrefix("orderflow_kafka_broker_up{") && $0.hasSuffix(" 1") })
        #expect(lines.contains { $0.hasPrefix("orderflow_kafka_round_trip_seconds{") })
        for line in lines where line.hasPrefix("# TYPE ") {
            let name = String(line.split(separator: " ")[2])
            #expect(MetricHelp.all[name] != nil, "\(name)")
        }
        stop.stop()
        try await running.value
    }

    private func publish(order: String, to topic: String, _ kafka: KafkaConfiguration) throws {
        _ = try Admin(kafka, logger: logger).createTopics([NewTopic(topic, partitions: 1, replication: 1)])
        let producer = try Producer(ProducerConfiguration(kafka), logger: logger)
        defer { producer.close(timeout: .seconds(5)) }
        let value = """
            {"type":"OrderCreated","version":1,"payload":{"orderId":"\(order)","userId":"alice",\
            "items":[{"sku":"ABC","qty":1}],"total":9.99,"currency":"USD","createdAt":"2026-01-01T00:00:00Z"}}
            """
        for delivery in try producer.publish(
            [OutgoingMessage(topic: topic, key: Array(order.utf8), value: Array(value.utf8))], timeout: .seconds(20))
        {
            _ = try delivery.get()
        }
    }
}
