import Execution
import Kafka
import Logging
import Messaging
import Orders
import Postgres
import Telemetry

/// What every service is given: where its database and the brokers are, and whom to tell how it fares.
public struct ServiceContext: Sendable {
    public let name: String
    public let kafka: KafkaConfiguration
    public let database: PostgresConfiguration
    public let topics: Topics
    /// All facts and commands of the installation, which every group's door decodes by.
    public let facts: FactCatalogue
    public let health: HealthRegistry
    /// Asked for values when a scrape comes.
    public let collectors: Collectors
    public let logger: Logger

    public init(
        name: String, kafka: KafkaConfiguration, database: PostgresConfiguration, topics: Topics,
        facts: FactCatalogue, health: HealthRegistry, collectors: Collectors = Collectors(), logger: Logger
    ) {
        self.name = name
        self.kafka = kafka
        self.database = database
        self.topics = topics
        self.facts = facts
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
    /// Another group of the service: in the same database, by the same relay.
    public struct Companion: Sendable {
        package let consumer: ConsumerRunner.Configuration
        package let handler: any BatchHandler

        public init(_ consumer: ConsumerRunner.Configuration, _ handler: any BatchHandler) {
            self.consumer = consumer
            self.handler = handler
        }
    }

    public let runner: ConsumerRunner
    public let relay: Relay
    private let companions: [ConsumerRunner]
    private let producer: Producer
    private let topics: [String]
    private let backlog: BacklogSampler
    private let pulse: DatabasePulse

    /// - Parameters:
    ///   - companions: further groups.
    ///   - backlog: what else may wait in the service's tables.
    ///   - onCommit: called after each commit, to wake whoever works on what it left behind.
    public init(
        _ context: ServiceContext, consumer: ConsumerRunner.Configuration, handler: any BatchHandler,
        besides companions: [Companion] = [], backlog: [BacklogQuery] = [],
        onCommit: @escaping @Sendable () -> Void = {}
    ) throws {
        let producer = try Producer(ProducerConfiguration(context.kafka), logger: context.logger)
        let relay = Relay(
            source: .outbox, database: context.database, producer: producer, service: context.name,
            logger: context.logger)
        self.producer = producer
        self.relay = relay
        topics = context.topics.all
        let groups = [Companion(consumer, handler)] + companions
        self.backlog = BacklogSampler(
            [.relay(.outbox, service: context.name)]
                + groups.flatMap { [.deadLetters(group: $0.consumer.group), .parkedKeys(group: $0.consumer.group)] }
                + backlog, database: context.database, logger: context.logger)
        pulse = DatabasePulse(context.database, name: context.name, logger: context.logger)
        context.health.watch(database: pulse)
        func run(_ group: Companion) -> ConsumerRunner {
            var consumer = group.consumer
            consumer.keyField = "order_id"
            consumer.content = context.facts.door
            let runner = ConsumerRunner(
                consumer, handler: group.handler, kafka: context.kafka, database: context.database,
                logger: context.logger,
                onCommit: { wroteOutbox in
                    if wroteOutbox { relay.wake() }
                    onCommit()
                })
            context.health.watch(consumer: runner, name: consumer.group)
            context.collectors.watch(runner)
            return runner
        }
        runner = run(Companion(consumer, handler))
        self.companions = companions.map(run)
        context.health.watch(relay: relay)
        context.collectors.watch(relay)
        context.collectors.watch(producer, client: context.name)
    }

    /// The parts to run, in a `ThreadGroup`.
    public var parts: [ThreadGroup.Part] {
        companions.map { runner in ThreadGroup.Part(runner.group) { try runner.run(until: $0) } } + [
            ThreadGroup.Part("consumer") { try runner.run(until: $0) },
            ThreadGroup.Part("backlog") { backlog.run(until: $0) },
            ThreadGroup.Part("pulse") { try pulse.run(until: $0) },
            ThreadGroup.Part("relay") { stop in
                defer { producer.close(timeout: .seconds(5)) }
                producer.prepare(topics: topics, timeout: .seconds(2))
                relay.run(until: stop)
            },
        ]
    }
}
