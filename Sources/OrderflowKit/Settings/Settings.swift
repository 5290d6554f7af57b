import HTTPServer
import Kafka
import Logging
import Messaging
import Networks
import Orders

/// Everything that can be configured, as plain values; the defaults suit a developer's machine.
/// `SettingTable` says how each is called, read and explained.
public struct Settings: Sendable {
    /// The services that the program consists of.
    public let services: ServiceCatalogue
    package var pace = Pace.balanced
    package var relaySource = RelayReading.windows
    package var kafka = Kafka()
    package var database = Database()
    package var http = HTTP()
    package var auth = Auth()
    package var limits = LimitSettings()
    package var log = Log()
    package var telemetry = Telemetry()
    package var dashboard = Dashboard()
    package var topics = Topics()
    package var schemas = SchemaSettings()
    /// Who leads an order to its end.
    public var mode = FulfilmentMode.orchestration
    /// How far the clocks of the shop's machines may be from each other.
    package var clockSkew: Duration = .seconds(2)
    package var lanes = Lanes()
    package var shutdown = Shutdown()
    /// A service's own database, as its daemons reach it; nil derives it from `database.url`.
    package var serviceDatabaseURL: [String: String] = [:]
    /// The same as the owner of its tables reaches it.
    package var serviceOwnerURL: [String: String] = [:]
    /// The same as those reach it who answer requests.
    package var serviceRequestsURL: [String: String] = [:]
    /// A role's own port; nil derives it from `http.port`.
    package var rolePort: [String: Int] = [:]
    private var sections: [ObjectIdentifier: any SettingsSection] = [:]

    public init(_ services: ServiceCatalogue) { self.services = services }

    /// The settings of a service.
    public subscript<Section: SettingsSection>(_ section: Section.Type) -> Section {
        get { sections[ObjectIdentifier(section)] as? Section ?? Section() }
        set { sections[ObjectIdentifier(section)] = newValue }
    }

    package struct Kafka: Sendable {
        package var brokers = "127.0.0.1:9092"
        package var clientID = "orderflow"
        /// Nil takes a free one of this host.
        package var instance: String?
        package enum DevBroker: String, Sendable, CaseIterable { case on, off }
        package var devBroker = DevBroker.off
        package enum Signing: String, Sendable, CaseIterable { case off, sign, on }
        package var signing = Signing.off
        /// A directory with a file of keys for each source.
        package var signingKeys: String?
        /// What producers of other teams may say, by source.
        package var sources: [ForeignSource] = []
        /// Where records begin that have to be signed.
        package var unsignedBefore: [TopicPartition: Int64] = [:]
        /// Handed to librdkafka as they are.
        package var properties: [String: String] = [:]
    }

    package struct Database: Sendable {
        /// The server of the services' databases, from which their URLs derive.
        package var url = "postgresql://postgres@127.0.0.1:5432/postgres"
        /// Of the roles that daemons log in as; nil is the one in `url`.
        package var password: String?
        /// What `migrate` and rebuilds connect with; nil is `url`.
        package var adminURL: String?
        package var connectTimeout: Duration = .seconds(5)
        package var statementTimeout: Duration = .seconds(30)
        package var lockTimeout: Duration = .seconds(10)
    }

    package struct HTTP: Sendable {
        package var host = "127.0.0.1"
        package var port = 3000
        /// Besides addresses, `localhost` and `host`.
        package var allowedHosts: [String] = []
        package var corsOrigins: [String] = []
        package var trustedProxies: [AddressRange] = []
        /// Nil is one a core.
        package var loops: Int?
        package var connections = 10_000
        package var connectionsPerAddress: Int?
        package var bodyLimit = 64 << 10
        package var headLimit = 8 << 10
        package var headTimeout: Duration = .seconds(10)
        package var bodyTimeout: Duration = .seconds(20)
        package var idleTimeout: Duration = .seconds(30)
        package var writeTimeout: Duration = .seconds(20)
        /// Bytes a second.
        package var leastRate = 1 << 10
        package var unsentLimit = 64 << 20
    }

    package struct Log: Sendable {
        package enum Format: String, Sendable, CaseIterable { case text, json }

        package var level = Logger.Level.info
        package var format = Format.text
        /// Of lines that go to `topics.logs` too; nil ships none.
        package var shipLevel: Logger.Level?
    }

    package struct Telemetry: Sendable {
        /// Nil exports no spans.
        package var otlpEndpoint: String?
        /// By name.
        package var otlpHeaders: [HTTPHeaderSetting] = []
        package var otlpTimeout: Duration = .seconds(5)
        package var sampleRatio = 1.0
        package var queueLimit = 8_192
    }

    package struct Dashboard: Sendable {
        package enum Shown: String, Sendable, CaseIterable { case on, off }

        package var shown = Shown.on
        /// Empty is every role on this machine, by its port.
        package var roles: [RoleAddress] = []
        /// How long a sign-in lasts.
        package var session: Duration = .seconds(12 * 3600)
    }

    package struct Topics: Sendable {
        package var partitions = 6
        package var replication = 1
        package var logsRetention: Duration = .seconds(3 * 86_400)
        package var formats = TopicFormats.json
        package var names = OrderflowKit.Topics()
    }

    package struct Lanes: Sendable {
        package enum Express: String, Sendable, CaseIterable { case on, off }

        package var express = Express.on
    }

    package struct Shutdown: Sendable {
        package var deadline: Duration = .seconds(10)
    }
}

extension Settings {
    /// Where a service's processes listen on this machine; 0 takes a free port.
    package func port(of module: ServiceModule) -> Int {
        if let port = rolePort[module.name] { return port }
        return http.port == 0 ? 0 : http.port + module.port
    }

    /// Where another service answers on this machine, as `http://127.0.0.1:3007`.
    package func url(of module: ServiceModule) -> String { "http://\(http.localAuthority):\(port(of: module))" }

    /// Whom the dashboard asks besides the process that it is part of.
    package func dashboardRoles(besides own: ServiceModule) -> [RoleAddress] {
        if !dashboard.roles.isEmpty { return dashboard.roles }
        return services.modules.filter { $0.name != own.name && port(of: $0) > 0 }.map { module in
            RoleAddress(
                role: module.name, url: url(of: module), isExpected: !module.duties.contains(.onRequest))
        }
    }
}

extension Settings.HTTP {
    /// The host as it stands in a URL, and as a client on this machine reaches it.
    package var localAuthority: String {
        switch host {
        case "0.0.0.0", "::", "[::]": "localhost"
        default: host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        }
    }
}

extension Settings {
    /// The groups at work, and the topics that each consumes, as they are called on the brokers.
    package var subscriptions: [String: Set<String>] { services.subscriptions(in: mode, topics.names) }

    /// The topics of facts and commands, as they are called on the brokers.
    package var topicNames: [String] { services.topics.map { topics.names[$0] } }

    /// Express lanes by the topics that they lie beside, as both are called on the brokers.
    package var expressLanes: [String: String] { services.expressLanes(topics.names) }
}
