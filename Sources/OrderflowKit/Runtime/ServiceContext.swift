import Kafka
import Logging
import Messaging
import Orders
import Postgres
import Telemetry

/// What a service is given when a process of it starts: its settings, where its database and the brokers are, and whom
/// to tell how it fares.
public struct ServiceContext: Sendable {
    /// `ce_source` is `/orderflow/` and this.
    public let name: String
    public let settings: Settings
    public let kafka: KafkaConfiguration
    /// The service's own.
    public let database: PostgresConfiguration
    public let topics: Topics
    /// All facts and commands of the installation, which every group's door decodes by.
    public var facts: FactCatalogue { settings.services.facts }
    public let health: HealthRegistry
    /// Asked for values when a scrape comes.
    public let collectors: Collectors
    public let logger: Logger
    /// Has the relay of the event store, or of the outbox in a service without one, look for what was just committed.
    public let wakeRelays = DeferredCall()

    public init(
        name: String, settings: Settings, kafka: KafkaConfiguration, database: PostgresConfiguration,
        health: HealthRegistry, collectors: Collectors = Collectors(), logger: Logger
    ) {
        self.name = name
        self.settings = settings
        self.kafka = kafka
        self.database = database
        topics = settings.topics.names
        self.health = health
        self.collectors = collectors
        self.logger = logger
    }

    /// Of a process of `module`. Throws for a database's URL that can't be read.
    package init(
        of module: ServiceModule, _ settings: Settings, health: HealthRegistry, collectors: Collectors, logger: Logger
    ) throws {
        var kafka = settings.kafka.configuration
        // For /metrics, unless the operator has set it.
        if kafka.properties["statistics.interval.ms"] == nil { kafka.properties["statistics.interval.ms"] = "5000" }
        // A service without tables of its own has no use for it.
        var database = try module.database.map { try settings.database(of: $0) } ?? settings.administratorDatabase()
        database.applicationName = module.applicationName
        self.init(
            name: module.source, settings: settings, kafka: kafka, database: database, health: health,
            collectors: collectors, logger: logger)
    }

    /// `ce_source` of the service's events.
    public var source: String { "/orderflow/\(name)" }

    /// Another service's database, whose tables this one reads.
    package func database(of other: ServiceDatabase) throws -> PostgresConfiguration {
        var configuration = try settings.database(of: other)
        configuration.applicationName = database.applicationName
        return configuration
    }
}
