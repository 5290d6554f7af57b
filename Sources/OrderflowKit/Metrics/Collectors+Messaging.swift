import Execution
import Kafka
import Messaging
import Telemetry

extension Collectors {
    /// A consumer group's member: its lag by partition, and what librdkafka says of its connections.
    public func watch(_ consumer: ConsumerRunner) {
        let group = consumer.group
        add { scrape in
            let status = consumer.currentStatus
            scrape.gauge(
                "orderflow_consumer_assigned_partitions", [("group", group)], value: status.assigned.count)
            scrape.gauge(
                "orderflow_consumer_ownerless_partitions", [("group", group)], value: status.ownerless.count)
            scrape.gauge("orderflow_consumer_held_up", [("group", group)], value: status.problem == nil ? 0 : 1)
            let buffered = consumer.buffered
            scrape.gauge("orderflow_consumer_buffered_messages", [("group", group)], value: buffered.messages)
            scrape.gauge("orderflow_consumer_buffered_bytes", [("group", group)], value: buffered.bytes)
            guard let statistics = consumer.statisticsJSON.flatMap({ KafkaStatistics(json: $0) }) else { return }
            statistics.report(client: group, to: &scrape)
            scrape.counter(
                "orderflow_consumer_rebalances_total", [("group", group)], value: Int(statistics.rebalances))
            for partition in statistics.partitions where partition.isFetched && partition.lag >= 0 {
                scrape.gauge(
                    "orderflow_consumer_lag_messages",
                    [("group", group), ("topic", partition.topic), ("partition", String(partition.partition))],
                    value: Int(partition.lag))
            }
        }
    }

    /// A relay: whether it leads, and the age of what it has read but not published yet.
    public func watch(_ relay: Relay) {
        let labels = [("service", relay.service), ("source", relay.name)]
        add { scrape in
            let status = relay.currentStatus
            scrape.gauge("orderflow_relay_leading", labels, value: status.leading ? 1 : 0)
            if relay.isToReadLog {
                scrape.gauge(
                    "orderflow_relay_fallen_back", labels, value: status.leading && status.fallback != nil ? 1 : 0)
            }
            scrape.gauge("orderflow_relay_held_up", labels, value: status.problem == nil ? 0 : 1)
            let age = status.oldestInHand.map { max(0, WallClock.nowMicroseconds() - $0) } ?? 0
            scrape.gauge("orderflow_relay_lag_seconds", labels, value: Double(age) / 1e6)
        }
    }

    /// Transactions that have been left open for long.
    public func watch(_ pulse: DatabasePulse) {
        add { scrape in
            for finding in pulse.longTransactions {
                scrape.gauge(
                    "orderflow_database_long_transaction_seconds",
                    [
                        ("database", finding.transaction.database), ("process", "\(finding.transaction.process)"),
                        ("holds", finding.holds.rawValue),
                    ], value: Double(finding.age) / 1e6)
            }
        }
    }

    /// The event store's writer: how many requests wait for it.
    public func watch(_ writer: EventWriter) {
        add { scrape in
            scrape.gauge("orderflow_eventstore_queue_depth", value: writer.depth)
            scrape.gauge("orderflow_eventstore_queue_limit", value: writer.queueLimit)
        }
    }

    /// What librdkafka says of a producer.
    public func watch(_ producer: Producer, client: String) {
        add { scrape in
            guard let statistics = producer.statisticsJSON.flatMap({ KafkaStatistics(json: $0) }) else { return }
            statistics.report(client: client, to: &scrape)
        }
    }
}
