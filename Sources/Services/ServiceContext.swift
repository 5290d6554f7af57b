import Execution
import Kafka
import Logging
import Messaging
import Postgres
import Telemetry

/// What every service is given: where its database and the brokers are, and whom to tell how it fares.
public struct ServiceContext: Sendable {
    public let name: String
    public let kafka: KafkaConfiguration
    public let database: PostgresConfiguration
    public let topics: Topics
    public let health: HealthRegistry
    /// Asked for values when a scrape comes.
    public let collectors: Collectors
    public let logger: Logger

    public init(
        name: String, kafka: KafkaConfiguration, database: PostgresConfiguration, topics: Topics,
        health: HealthRegistry, collectors: Collectors = Collectors(), logger: Logger
    ) {
        self.name = name
        self.kafka = kafka
        self.database = database
        self.topics = topics
        self.health = health
        self.collectors = collectors
        self.logger = logger
    }

    /// `ce_source` of the service's events.
    public var source: String { "/orderflow/\(name)" }
}

/// A consumer group with the outbox relay beside it: what every reacting service is made of.
///
/// The relay is woken by the consumer's commits, so that in the usual case an effect is on its topic without a poll.
public struct ReactingService: Sendable {
    public let runner: ConsumerRunner
    public let relay: Relay
    private let producer: Producer
    private let backlog: BacklogSampler
    private let pulse: DatabasePulse

    /// - Parameters:
    ///   - backlog: what else may wait in the service's tables.
    ///   - onCommit: called after each commit, to wake whoever works on what it left behind.
    public init(
        _ context: ServiceContext, consumer: ConsumerRunner.Configuration, handler: any BatchHandler,
        backlog: [BacklogQuery] = [], onCommit: @escaping @Sendable () -> Void = {}
    ) throws {
        let producer = try Producer(ProducerConfiguration(context.kafka), logger: context.logger)
        let relay = Relay(
            source: .outbox, database: context.database, producer: producer, service: context.name,
            logger: context.logger)
        self.producer = producer
        self.relay = relay
        self.backlog = BacklogSampler(
            [
                .relay(.outbox, service: context.name), .deadLetters(group: consumer.group),
                .parkedKeys(group: consumer.group),
            ] + backlog, database: context.database, logger: context.logger)
        var consumer = consumer
        consumer.keyField = "order_id"
        runner = ConsumerRunner(
            consumer, handler: handler, kafka: context.kafka, database: context.database, logger: context.logger,
            onCommit: {
                relay.wake()
                onCommit()
            })
        pulse = DatabasePulse(context.database, name: context.name, logger: context.logger)
        context.health.watch(database: pulse)
        context.health.watch(consumer: runner, name: consumer.group)
        context.health.watch(relay: relay)
        context.collectors.watch(runner)
        context.collectors.watch(relay)
        context.collectors.watch(producer, client: context.name)
    }

    /// The parts to run, in a `ThreadGroup`.
    public var parts: [ThreadGroup.Part] {
        [
            ThreadGroup.Part("consumer") { try runner.run(until: $0) },
            ThreadGroup.Part("backlog") { backlog.run(until: $0) },
            ThreadGroup.Part("pulse") { pulse.run(until: $0) },
            ThreadGroup.Part("relay") { stop in
                relay.run(until: stop)
                producer.close(timeout: .seconds(5))
            },
        ]
    }
}
