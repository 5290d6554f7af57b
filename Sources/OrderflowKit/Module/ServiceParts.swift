import HTTPServer
import Messaging
import Postgres

/// How `orderflow <service> --help` explains it.
public struct Explained: ServiceModulePart {
    private let guide: ServiceModule.Guide

    /// - Parameters:
    ///   - abstract: a sentence in the imperative.
    ///   - examples: lines, indented by two blanks.
    public init(_ abstract: String, _ discussion: String, examples: String = "") {
        guide = ServiceModule.Guide(abstract: abstract, discussion: discussion, examples: examples)
    }

    public func join(_ module: inout ServiceModule) { module.guide = guide }
}

/// A database of the service's own, `orderflow_<name>`, which nobody else may connect to.
///
/// Each of its tables with a column `tenant` gets row policies by `migrate`: who answers a request sees rows of the
/// tenant that asks, whatever the statement says.
public struct ServiceDatabase: ServiceModulePart, Sendable {
    public let name: String
    public let migrations: [Migration]
    /// Tables whose rows nobody but the owner may change or delete.
    public let appendOnly: Set<String>
    /// Tables that nobody but the owner may write.
    public let readOnly: Set<String>
    /// What those may do who answer requests.
    public let requests: RequestRights
    /// The groups that keep their offsets, inboxes and dead letters here.
    public internal(set) var groups: [String] = []
    /// The service whose processes consume for these groups.
    public internal(set) var owner = ""

    /// - Parameters:
    ///   - appendOnly: tables whose rows nobody but the owner may change or delete.
    ///   - readOnly: tables that nobody but the owner may write.
    ///   - requests: what those may do who answer requests, with rows of the tenant that asks.
    ///   - migrations: its schema's history; begins with the tables of the messaging
    ///     (`MessagingSchema.outbox`, `.relay`, `.consumer` …) and only ever grows.
    public init(
        _ name: String, appendOnly: Set<String> = [], readOnly: Set<String> = [], requests: RequestRights = .writing,
        migrations: [Migration]
    ) {
        self.name = name
        self.appendOnly = appendOnly
        self.readOnly = readOnly
        self.requests = requests
        self.migrations = migrations
    }

    /// What those may do with a service's tables who answer requests. Tables without a column `tenant` are closed to
    /// them.
    public enum RequestRights: Sendable, Hashable {
        case none
        case reading
        /// Reading, and writing these tables.
        case writingOnly(Set<String>)
        case writing
    }

    public func join(_ module: inout ServiceModule) {
        var database = self
        database.owner = module.name
        database.groups = module.groups.map(\.name)
        module.database = database
    }

    /// On the server: both the database and the role that owns its tables.
    package var nameOnServer: String { "orderflow_\(name)" }
}

extension ServiceDatabase: Hashable {
    public static func == (a: ServiceDatabase, b: ServiceDatabase) -> Bool { a.name == b.name }
    public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

/// A topic that the service is responsible for, with its express lane: `migrate` and `topics create` make them, their names
/// are settings.
public struct Owns: ServiceModulePart {
    private let topics: [Topic]

    public init(_ topics: Topic...) { self.topics = topics }

    public func join(_ module: inout ServiceModule) { module.topics += topics.flatMap(\.withLanes) }
}

/// Events of the service's own event store that a relay publishes.
public struct PublishesStreams: ServiceModulePart {
    private let categories: [String: Topic]

    /// - Parameter categories: of the store's streams.
    public init(_ categories: [String: Topic]) { self.categories = categories }

    public func join(_ module: inout ServiceModule) { module.eventStore.merge(categories) { $1 } }
}

/// Makes what runs beside the consumer groups and answers requests. Called once, when a process of the service starts;
/// connects to nothing itself.
public struct Runs: ServiceModulePart {
    private let make: @Sendable (ServiceContext) throws -> Running

    public init(_ make: @escaping @Sendable (ServiceContext) throws -> Running) { self.make = make }

    public func join(_ module: inout ServiceModule) { module.running.append(make) }
}

extension Routes: ServiceModulePart {
    /// Routes that answer without the service's database.
    public func join(_ module: inout ServiceModule) {
        module.running.append { [self] _ in Running(routes: [self]) }
    }
}

/// Routes that answer from the service's own database.
public struct Serves: ServiceModulePart {
    private let make: @Sendable (ServiceContext) -> Running

    /// A service without a `ServiceDatabase` can't have any, and traps.
    ///
    /// - Parameters:
    ///   - connections: how many requests are worked on at once; others wait, and beyond a thousand are answered 503.
    ///   - pool: what the pool of connections is called in metrics and logs; else as the service.
    public init(
        connections: Int = 2, pool name: String? = nil,
        @RouteGroupsBuilder routes: @escaping @Sendable (_ database: ConnectionPool) -> [Routes]
    ) {
        make = { context in
            let name = name ?? context.name
            let pool = ConnectionPool(context.requestDatabase, size: connections, name: name, logger: context.logger)
            context.collectors.watch(pool, name: name)
            return Running(routes: routes(pool))
        }
    }

    public func join(_ module: inout ServiceModule) {
        module.needsDatabase = true
        module.running.append(make)
    }
}

/// What a metric of the service's means.
public struct Measures: ServiceModulePart, Sendable {
    private let help: [String: String]

    public init(_ help: [String: String]) { self.help = help }

    public func join(_ module: inout ServiceModule) { module.metricHelp.merge(help) { $1 } }
}

/// What the service does for the whole program.
public struct Does: ServiceModulePart {
    private let duties: [ServiceModule.Duty]

    public init(_ duties: ServiceModule.Duty...) { self.duties = duties }

    public func join(_ module: inout ServiceModule) { module.duties.formUnion(duties) }
}
