import Logging
import Messaging
import Services

/// Everything that can be configured, as plain values; the defaults suit a developer's machine.
/// `SettingTable` says how each is called, read and explained.
struct Settings: Sendable {
    var kafka = Kafka()
    var database = Database()
    var http = HTTP()
    var log = Log()
    var telemetry = Telemetry()
    var dashboard = Dashboard()
    var topics = Topics()
    var orders = Orders()
    var views = Views()
    var mail = Mail()
    var smtp = SMTP()
    var inventory = Inventory()
    var payment = Payment()
    var saga = Saga()
    var shutdown = Shutdown()
    /// A service's own database; nil derives it from `database.url`.
    var serviceDatabaseURL: [ServiceDatabase: String] = [:]
    /// A role's own port; nil derives it from `http.port`.
    var rolePort: [Role: Int] = [:]

    struct Kafka: Sendable {
        var brokers = "127.0.0.1:9092"
        var clientID = "orderflow"
        /// Nil takes a free one of this host.
        var instance: String?
        /// Handed to librdkafka as they are.
        var properties: [String: String] = [:]
    }

    struct Database: Sendable {
        /// The administrator's: `migrate` creates databases and roles with it, the services' URLs derive from it.
        var url = "postgresql://postgres@127.0.0.1:5432/postgres"
        var connectTimeout: Duration = .seconds(5)
        var statementTimeout: Duration = .seconds(30)
        var lockTimeout: Duration = .seconds(10)
    }

    struct HTTP: Sendable {
        var host = "127.0.0.1"
        var port = 3000
        /// Nil is one a core.
        var loops: Int?
        var connections = 10_000
        var connectionsPerAddress: Int?
        var bodyLimit = 64 << 10
        var headLimit = 8 << 10
        var headTimeout: Duration = .seconds(10)
        var bodyTimeout: Duration = .seconds(20)
        var idleTimeout: Duration = .seconds(30)
        var writeTimeout: Duration = .seconds(20)
        /// Bytes a second.
        var leastRate = 1 << 10
        var unsentLimit = 64 << 20
    }

    struct Log: Sendable {
        enum Format: String, Sendable, CaseIterable { case text, json }

        var level = Logger.Level.info
        var format = Format.text
        /// Of lines that go to `topics.logs` too; nil ships none.
        var shipLevel: Logger.Level?
    }

    struct Telemetry: Sendable {
        /// Nil exports no spans.
        var otlpEndpoint: String?
        /// By name.
        var otlpHeaders: [HTTPHeaderSetting] = []
        var otlpTimeout: Duration = .seconds(5)
        var sampleRatio = 1.0
        var queueLimit = 8_192
    }

    struct Dashboard: Sendable {
        enum Shown: String, Sendable, CaseIterable { case on, off }

        var shown = Shown.on
        /// Empty is every role on this machine, by its port.
        var roles: [RoleAddress] = []
        var hosts: [String] = []
    }

    struct Topics: Sendable {
        var partitions = 6
        var replication = 1
        var logsRetention: Duration = .seconds(3 * 86_400)
        var names = Services.Topics()
    }

    struct Orders: Sendable {
        var writers = 2
        var queueLimit = 8_192
        var poolSize = 4
    }

    struct Views: Sendable {
        var poolSize = 4
        var waits = 1_000
        var waitsPerAddress: Int? = 500
        var streams = 1_000
        var streamsPerAddress: Int? = 500
        /// Zero doesn't compare.
        var checkInterval: Duration = .seconds(10)
        var checkOrders = 500
    }

    struct Mail: Sendable {
        var directory = "var/mail"
        var from = "orders@orderflow.example"
        /// For customers whose order says no address: userId@domain.
        var recipientDomain = "customers.example"
    }

    struct SMTP: Sendable {
        /// Nil writes mails to `mail.directory`.
        var url: String?
    }

    struct Inventory: Sendable {
        var unknownSKU = InventoryService.Configuration.UnknownSKU.unlimited
    }

    struct Payment: Sendable {
        enum Gateway: String, Sendable, CaseIterable { case simulated, http }

        var gateway = Gateway.simulated
        var gatewayURL: String?
        var gatewayToken: String?
        var timeout: Duration = .seconds(5)
        var concurrency = 16
        var retryCap: Duration = .seconds(10)
        var simulatorLatency: Duration = .milliseconds(20)
        var simulatorFailureRate = 0.0
    }

    struct Saga: Sendable {
        var mode = FulfilmentMode.orchestration
        /// Where the API asks where an order stands; nil is the saga role on this machine.
        var url: String?
        var stockDeadline: Duration = .seconds(30)
        var paymentDeadline: Duration = .seconds(60)
        var shipmentDeadline: Duration = .seconds(60)
        var retry = SagaRetry()
    }

    struct Shutdown: Sendable {
        var deadline: Duration = .seconds(10)
    }
}

extension Settings {
    /// Whom the dashboard asks besides the process that it is part of.
    func dashboardRoles(besides own: Role) -> [RoleAddress] {
        if !dashboard.roles.isEmpty { return dashboard.roles }
        return Role.allCases.filter { $0 != own && port(of: $0) > 0 }.map { role in
            RoleAddress(
                role: role.rawValue, url: "http://\(http.localAuthority):\(port(of: role))",
                // The API answers queries too.
                isExpected: role != .query)
        }
    }
}

extension Settings.HTTP {
    /// The host as it stands in a URL, and as a client on this machine reaches it.
    var localAuthority: String {
        switch host {
        case "0.0.0.0", "::", "[::]": "localhost"
        default: host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        }
    }
}
