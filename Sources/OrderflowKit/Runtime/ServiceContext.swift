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
    /// The service's own, as its daemons reach it: the rows of all tenants.
    public let database: PostgresConfiguration
    /// The same for what answers requests: rows of the tenant that asks, which PostgreSQL sees to. For the pool of
    /// `Route`s, whose `PooledAnswer`s say the tenant.
    public let requestDatabase: PostgresConfiguration
    public let topics: Topics
    /// All facts and commands of the installation, which every group's door decodes by.
    public var facts: FactCatalogue { settings.services.facts }
    public let health: HealthRegistry
    /// Of requests, and of what counts as so many; nil where nothing is limited.
    package let limits: RequestLimits?
    /// Asked for values when a scrape comes.
    public let collectors: Collectors
    public let logger: Logger
    /// Has the relay of the event store, or of the outbox in a service without one, look for what was just committed.
    public let wakeRelays = DeferredCall()
    /// What a service's handlers and the parts that run beside them have in common.
    public let shared = SharedParts()

    /// - Parameter requestDatabase: nil is `database`, where a role of its own isn't to be had.
    public init(
        name: String, settings: Settings, kafka: KafkaConfiguration, database: PostgresConfiguration,
        requestDatabase: PostgresConfiguration? = nil, health: HealthRegistry, collectors: Collectors = Collectors(),
        logger: Logger
    ) {
        self.name = name
        self.settings = settings
        self.kafka = kafka
        self.database = database
        var requests = requestDatabase ?? database
        requests.tenantVariable = ServiceDatabase.tenantVariable
        self.requestDatabase = requests
        topics = settings.topics.names
        limits = RequestLimits(settings.limits)
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
        var database = try module.database.map { try settings.database(of: $0) } ?? settings.serverDatabase()
        var requests = try module.database.map { try settings.database(of: $0, as: .requests) } ?? database
        database.applicationName = module.applicationName
        requests.applicationName = module.applicationName
        self.init(
            name: module.source, settings: settings, kafka: kafka, database: database, requestDatabase: requests,
            health: health, collectors: collectors, logger: logger)
    }

    /// For those who only look at what a service declares: what it reports to, nobody asks.
    package init(lookingAt module: ServiceModule, _ settings: Settings, logger: Logger) throws {
        try self.init(of: module, settings, health: HealthRegistry(), collectors: Collectors(), logger: logger)
    }

    /// `ce_source` of the service's events.
    public var source: String { "/orderflow/\(name)" }

    /// Another service's database, whose tables this one reads.
    package func database(
        of other: ServiceDatabase, as access: DatabaseAccess = .daemon
    ) throws -> PostgresConfiguration {
        var configuration = try settings.database(of: other, as: access)
        configuration.applicationName = database.applicationName
        return configuration
    }
}
