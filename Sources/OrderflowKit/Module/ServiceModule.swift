import Messaging
import Orders
import Postgres

/// A service, said once: what it is called, what it keeps, reads, publishes, serves and can be told.
///
/// Everything else follows from the list of services that a program is started with: its subcommands, databases and
/// their schemas, topics and dead-letter topics, subscriptions, settings and their reference, health, `replay --into`,
/// `groups`, `status`, the dashboard's rows, and the files that `orderflow docs` writes.
///
///     extension ServiceModule {
///         public static let loyalty = ServiceModule("loyalty", port: 10, summary: "gives points for confirmed orders") {
///             ServiceDatabase("loyalty", migrations: [Migration(version: 1, name: "points", sql: "…")])
///             Consumes(.orderEvents) { _ in LoyaltyHandler() }
///             Publishes(LoyaltyPointsEarned.self, on: .orderEvents)
///             Serves { database in
///                 Routes(needing: .reportsRead, .noCache) { Get("/loyalty/:userID", from: database) { … } }
///             }
///         }
///     }
public struct ServiceModule: Sendable {
    /// The subcommand, and what its processes are called: lower-case letters, digits and hyphens.
    public let name: String
    /// Its port's distance from `http.port`, so that all services fit on one machine.
    public let port: Int
    /// One line for tables and help, without a full stop.
    public let summary: String
    /// `ce_source` of what it publishes is `/orderflow/` and this.
    public let source: String

    public internal(set) var guide = Guide()
    /// What it keeps; nil for a service without tables of its own.
    public internal(set) var database: ServiceDatabase?
    /// Streams of its event store that are published, by category; empty for services without one.
    public internal(set) var eventStore: [String: Topic] = [:]
    /// The topics that it is responsible for.
    public internal(set) var topics: [Topic] = []
    public internal(set) var groups: [ConsumerGroup] = []
    /// What it says and the commands that it does, by where they are said.
    public internal(set) var payloads: [Topic: [any MessagePayload.Type]] = [:]
    /// The types that it says itself, by where it says them, but for commands of the fulfilment's steps.
    var says: [Topic: Set<String>] = [:]
    /// What it asks others, and what it answers (`Asks`, `Answers`).
    package internal(set) var asks: [AskedTopic] = []
    package internal(set) var answers: [AnsweredTopic] = []
    public internal(set) var readModels: [RebuiltModel] = []
    /// Copies of what others say that it keeps.
    package internal(set) var replicas: [KeptReplica] = []
    public internal(set) var settings: [SettingKey] = []
    public internal(set) var checks: [SettingsCheck] = []
    /// What `/metrics` says of each metric that the service adds.
    public internal(set) var metricHelp: [String: String] = [:]
    /// The steps of an order's fulfilment that it takes.
    public internal(set) var steps: [FulfilmentStep] = []
    /// How it confirms and cancels orders, where they are its own.
    public internal(set) var decision: FulfilmentDecision?
    public internal(set) var evidence: [Evidence] = []
    public internal(set) var alerts: [Alert] = []
    public internal(set) var duties: Set<Duty> = []
    var running: [@Sendable (ServiceContext) throws -> Running] = []
    /// Whether some of it needs a database of the service's own.
    var needsDatabase = false

    /// - Parameters:
    ///   - port: unique among the services of a program.
    ///   - source: what its facts are said by, where that isn't its name.
    public init(
        _ name: String, port: Int, summary: String, source: String? = nil,
        @ServiceModuleBuilder _ parts: () -> [any ServiceModulePart]
    ) {
        self.name = name
        self.port = port
        self.summary = summary
        self.source = source ?? name
        for part in parts() { part.join(&self) }
        precondition(!needsDatabase || database != nil, "\(name) has routes from a database, and no ServiceDatabase")
    }

    /// Whether it is told on a topic what to do.
    func takesCommands(on topic: Topic) -> Bool {
        payloads[topic]?.contains { $0 is any Command.Type } ?? false
    }

    /// All that runs beside the consumer groups of one of its processes.
    package func running(_ context: ServiceContext) throws -> Running {
        var joined = Running()
        for make in running { joined.join(try make(context)) }
        return joined
    }

    /// What its processes are called in `pg_stat_activity`.
    package var applicationName: String { Self.applicationName(of: name) }

    package static func applicationName(of name: String) -> String { "orderflow \(name)" }

    /// How the service is explained by `--help`.
    public struct Guide: Sendable {
        /// A sentence in the imperative.
        public var abstract = ""
        public var discussion = ""
        /// Lines of examples, indented by two blanks.
        public var examples = ""
    }

    /// What one service of a program does for the whole of it.
    public enum Duty: Sendable {
        /// Serves the dashboard.
        case dashboard
        /// Gives the commands of the fulfilment's steps.
        case fulfilment
        /// Compares the read models with the event store.
        case consistency
        /// Not started by `up` unless it is named: another service does its work too.
        case onRequest
    }
}

/// Something that a service consists of.
public protocol ServiceModulePart {
    func join(_ module: inout ServiceModule)
}

/// The parts of a service, one a line.
@resultBuilder
public enum ServiceModuleBuilder {
    public static func buildExpression(_ part: any ServiceModulePart) -> [any ServiceModulePart] { [part] }
    public static func buildExpression(_ parts: [any ServiceModulePart]) -> [any ServiceModulePart] { parts }
    public static func buildExpression(_ keys: [SettingKey]) -> [any ServiceModulePart] { keys }
    public static func buildBlock(_ parts: [any ServiceModulePart]...) -> [any ServiceModulePart] {
        parts.flatMap(\.self)
    }
    public static func buildArray(_ parts: [[any ServiceModulePart]]) -> [any ServiceModulePart] {
        parts.flatMap(\.self)
    }
    public static func buildOptional(_ parts: [any ServiceModulePart]?) -> [any ServiceModulePart] { parts ?? [] }
}
