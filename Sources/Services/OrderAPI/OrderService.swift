import Execution
import HTTPServer
import Kafka
import Messaging
import OrderflowKit
import Orders
import Postgres

/// The order service: takes orders into the event store, publishes them, and lets the saga confirm or cancel them.
///
///     POST /orders ─> EventWriter ─> events ─relay─> order-events
///     POST /users, /accounts ─> events ─relay─> user-events
///     order-commands ─> OrderCommandHandler ─> events
///     order-events ─> OrderOutcomeHandler ─> events          in choreography
public struct OrderService: Sendable {
    public struct Configuration: Sendable {
        /// Connections that append new orders.
        public var writers = 2
        /// Orders that may wait for a writer; more are answered 503.
        public var queueLimit = 8192
        /// Connections for everything else: cancellations, histories.
        public var poolSize = 4
        public var mode = FulfilmentMode.orchestration

        public init() {}
    }

    public let writer: EventWriter
    public let database: ConnectionPool
    private let relay: Relay
    private let outboxRelay: Relay
    private let runner: ConsumerRunner
    private let outcomes: ConsumerRunner?
    private let producer: Producer
    private let topics: [String]
    private let backlog: BacklogSampler
    private let pulse: DatabasePulse

    public init(_ context: ServiceContext, configuration: Configuration = Configuration()) throws {
        let topics = context.topics
        let producer = try Producer(ProducerConfiguration(context.kafka), logger: context.logger)
        let events = RelaySource.eventStore(
            topics: [OrderStreams.category: topics.orderEvents, UserStreams.category: topics.userEvents])
        let relay = Relay(
            source: events, database: context.database, producer: producer, service: context.name,
            logger: context.logger)
        let outboxRelay = Relay(
            source: .outbox, database: context.database, producer: producer, service: context.name,
            logger: context.logger)
        self.producer = producer
        self.topics = topics.all
        self.relay = relay
        self.outboxRelay = outboxRelay
        writer = EventWriter(
            database: context.database, writers: configuration.writers, queueLimit: configuration.queueLimit,
            logger: context.logger, together: { body in Responder.batch(body) }, onCommit: { relay.wake() })
        database = ConnectionPool(
            context.database, size: configuration.poolSize, name: "orders", logger: context.logger)
        func consumer(_ group: String, _ topics: [String], _ handler: any BatchHandler) -> ConsumerRunner {
            var consumer = ConsumerRunner.Configuration(group: group, topics: topics)
            consumer.keyField = "order_id"
            consumer.content = context.facts.door
            let runner = ConsumerRunner(
                consumer, handler: handler, kafka: context.kafka, database: context.database, logger: context.logger,
                onCommit: { wroteOutbox in
                    // Handlers append to the event store.
                    relay.wake()
                    if wroteOutbox { outboxRelay.wake() }
                })
            // Orders are taken without Kafka too.
            context.health.watch(consumer: runner, name: group, needed: false)
            context.collectors.watch(runner)
            return runner
        }
        runner = consumer(ConsumerGroup.order, [topics.orderCommands, topics.orderEvents], OrderCommandHandler())
        var groups = [ConsumerGroup.order]
        if configuration.mode == .choreography {
            outcomes = consumer(ConsumerGroup.orderOutcomes, [topics.orderEvents], OrderOutcomeHandler())
            groups.append(ConsumerGroup.orderOutcomes)
        } else {
            outcomes = nil
        }
        backlog = BacklogSampler(
            [.relay(events, service: context.name), .relay(.outbox, service: context.name)]
                + groups.flatMap { [.deadLetters(group: $0), .parkedKeys(group: $0)] },
            database: context.database, logger: context.logger)
        pulse = DatabasePulse(context.database, name: context.name, logger: context.logger)
        context.health.watch(database: pulse)
        context.health.watch(writer: writer)
        context.health.watch(relay: relay)
        let collectors = context.collectors
        collectors.watch(relay)
        collectors.watch(outboxRelay)
        collectors.watch(producer, client: context.name)
        collectors.watch(writer)
        collectors.watch(database, name: "orders")
    }

    /// Tells the relay that an event was appended past the writer.
    func wakeRelay() { relay.wake() }

    public var parts: [ThreadGroup.Part] {
        let outcomeParts = outcomes.map { outcomes in
            [ThreadGroup.Part("order-outcomes") { try outcomes.run(until: $0) }]
        }
        return [
            ThreadGroup.Part("event-writer") { writer.run(until: $0) },
            ThreadGroup.Part("order-consumer") { try runner.run(until: $0) },
            ThreadGroup.Part("backlog") { backlog.run(until: $0) },
            ThreadGroup.Part("pulse") { try pulse.run(until: $0) },
            ThreadGroup.Part("outbox-relay") { outboxRelay.run(until: $0) },
            ThreadGroup.Part("event-relay") { stop in
                defer { producer.close(timeout: .seconds(5)) }
                producer.prepare(topics: topics, timeout: .seconds(2))
                relay.run(until: stop)
            },
        ] + (outcomeParts ?? [])
    }
}
