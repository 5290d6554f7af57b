import Execution
import Kafka
import Messaging
import Postgres

/// The consumer groups of a service with its relays beside them: what every service with a database is made of.
///
/// The relays are woken by the consumers' commits, so that in the usual case an effect is on its topic without a poll.
public struct ServiceProcess: Sendable {
    /// The groups at work.
    public let runners: [ConsumerRunner]
    /// Of the outbox, and of the event store where the service has one.
    public let relays: [Relay]
    private let producer: Producer
    private let publishing: Sharers
    private let topics: [String]
    private let backlog: BacklogSampler
    private let pulse: DatabasePulse
    private let schemas: ThreadGroup.Part

    /// - Parameter running: what runs beside, and hears of commits.
    public init(_ module: ServiceModule, _ context: ServiceContext, besides running: Running = Running()) throws {
        let producer = try Producer(ProducerConfiguration(context.kafka), logger: context.logger)
        self.producer = producer
        topics = context.settings.services.topics.map { context.topics[$0] }
        var sources: [RelaySource] = [.outbox]
        if !module.eventStore.isEmpty {
            sources.append(.eventStore(topics: module.eventStore.mapValues { context.topics[$0] }))
        }
        let lanes = context.settings.expressLanes
        for index in sources.indices { sources[index].lanes = lanes }
        var publishes = Relay.Configuration()
        publishes.ticking = context.settings.pace.ticking(ofRelayIn: module)
        publishes.readsLog = context.settings.relaySource == .wal
        publishes.routes = try context.settings.routeTable()
        let formats = context.settings.topics.formats
        let ids: RegisteredSchemas
        (ids, schemas) = context.schemas(sending: formats.used)
        let codecs = try context.facts.payloadCodecs(ids: ids)
        // For those who only look at a record.
        PayloadCodecs.install(codecs)
        publishes.formats = RelayFormats(formats, codecs: codecs, service: context.name, logger: context.logger)
        pulse = DatabasePulse(
            context.database, name: context.name, readsLog: publishes.readsLog, logger: context.logger)
        let writes = pulse.writes
        let relays = sources.map {
            Relay(
                source: $0, database: context.database, producer: producer, service: context.name,
                configuration: publishes, seeing: writes, logger: context.logger)
        }
        self.relays = relays
        publishing = Sharers(relays.count)
        // What a service appends past its consumers goes to its event store where it has one, else to its outbox: waking the
        // other relay too would cost a look at an empty table for each commit of an order.
        context.wakeRelays.set { relays.last?.wake(isExpress: $0) }
        let mode = context.settings.mode
        let groups = module.groups.filter { !$0.topics(in: mode).isEmpty }
        backlog = BacklogSampler(
            sources.map { .relay($0, service: context.name) }
                + (publishes.readsLog ? sources.map { .slot($0, service: context.name) } : [])
                + BacklogQuery.schedule(service: context.name)
                + groups.flatMap { [.deadLetters(group: $0.name), .parkedKeys(group: $0.name)] } + running.backlog,
            database: context.database, writes: writes, logger: context.logger)
        context.health.watch(database: pulse)
        context.health.watch(transactionsBeside: pulse)
        context.collectors.watch(pulse)
        runners = try groups.map { group in
            let handler = try group.handler(context)
            let runner = ConsumerRunner(
                Self.configuration(of: group, in: module, context, codecs), handler: handler, kafka: context.kafka,
                database: context.database, logger: context.logger,
                onCommit: { wroteOutbox, isExpress in
                    // Handlers may append to the event store, and nothing says whether they have.
                    for relay in relays where wroteOutbox || !relay.isOutbox { relay.wake(isExpress: isExpress) }
                    running.onCommit()
                })
            context.health.watch(consumer: runner, name: group.name, needed: group.isNeeded)
            context.collectors.watch(runner)
            return runner
        }
        for relay in relays {
            context.health.watch(relay: relay)
            context.collectors.watch(relay)
        }
        context.collectors.watch(producer, client: context.name)
    }

    private static func configuration(
        of group: ConsumerGroup, in module: ServiceModule, _ context: ServiceContext, _ codecs: PayloadCodecs
    ) -> ConsumerRunner.Configuration {
        let topics = group.topics(in: context.settings.mode)
        var consumer = ConsumerRunner.Configuration(group: group.name, topics: topics.map { context.topics[$0] })
        consumer.expressTopics = Set(topics.filter(\.isExpress).map { context.topics[$0] })
        if let size = group.batchSize { consumer.batchSize = size }
        consumer.ticking = context.settings.pace.ticking(of: group, in: module, context.settings.mode)
        consumer.usesInbox = group.usesInbox
        consumer.keyField = "order_id"
        consumer.content = context.facts.door
        consumer.expiry = .commands(context)
        consumer.codecs = codecs
        return consumer
    }

    /// The parts to run, in a `ThreadGroup`.
    public var parts: [ThreadGroup.Part] {
        runners.map { runner in ThreadGroup.Part(runner.group) { try runner.run(until: $0) } } + [
            ThreadGroup.Part("backlog") { backlog.run(until: $0) },
            ThreadGroup.Part("pulse") { try pulse.run(until: $0) }, schemas,
        ]
            + relays.map { relay in
                ThreadGroup.Part("\(relay.name)-relay") { stop in
                    // The last relay to end takes the producer along.
                    defer { if publishing.leave() { producer.close(timeout: .seconds(5)) } }
                    producer.prepare(topics: topics, timeout: .seconds(2))
                    relay.run(until: stop)
                }
            }
    }
}

/// How many still use something that they share.
private final class Sharers: Sendable {
    private let count: Monitor<Int>

    init(_ count: Int) { self.count = Monitor(count) }

    /// True for the last one.
    func leave() -> Bool {
        count.withLock { count in
            count -= 1
            return count == 0
        }
    }
}
