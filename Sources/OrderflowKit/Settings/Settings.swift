import Logging
import Messaging
import Orders

/// Everything that can be configured, as plain values; the defaults suit a developer's machine.
/// `SettingTable` says how each is called, read and explained.
package struct Settings: Sendable {
    package var kafka = Kafka()
    package var database = Database()
    package var http = HTTP()
    package var log = Log()
    package var telemetry = Telemetry()
    package var dashboard = Dashboard()
    package var topics = Topics()
    package var orders = Orders()
    package var views = Views()
    package var mail = Mail()
    package var smtp = SMTP()
    package var inventory = Inventory()
    package var payment = Payment()
    package var saga = Saga()
    package var shutdown = Shutdown()
    /// A service's own database; nil derives it from `database.url`.
    package var serviceDatabaseURL: [ServiceDatabase: String] = [:]
    /// A role's own port; nil derives it from `http.port`.
    package var rolePort: [Role: Int] = [:]

    package struct Kafka: Sendable {
        package var brokers = "127.0.0.1:9092"
        package var clientID = "orderflow"
        /// Nil takes a free one of this host.
        package var instance: String?
        /// Handed to librdkafka as they are.
        package var properties: [String: String] = [:]
    }

    package struct Database: Sendable {
        /// The administrator's: `migrate` creates databases and roles with it, the services' URLs derive from it.
        package var url = "postgresql://postgres@127.0.0.1:5432/postgres"
        package var connectTimeout: Duration = .seconds(5)
        package var statementTimeout: Duration = .seconds(30)
        package var lockTimeout: Duration = .seconds(10)
    }

    package struct HTTP: Sendable {
        package var host = "127.0.0.1"
        package var port = 3000
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
        package var hosts: [String] = []
    }

    package struct Topics: Sendable {
        package var partitions = 6
        package var replication = 1
        package var logsRetention: Duration = .seconds(3 * 86_400)
        package var names = OrderflowKit.Topics()
    }

    package struct Orders: Sendable {
        package var writers = 2
        package var queueLimit = 8_192
        package var poolSize = 4
    }

    package struct Views: Sendable {
        package var poolSize = 4
        package var waits = 1_000
        package var waitsPerAddress: Int? = 500
        package var streams = 1_000
        package var streamsPerAddress: Int? = 500
        /// Zero doesn't compare.
        package var checkInterval: Duration = .seconds(10)
        package var checkOrders = 500
    }

    package struct Mail: Sendable {
        package var directory = "var/mail"
        package var from = "orders@orderflow.example"
        /// For customers whose order says no address: userId@domain.
        package var recipientDomain = "customers.example"
    }

    package struct SMTP: Sendable {
        /// Nil writes mails to `mail.directory`.
        package var url: String?
    }

    package struct Inventory: Sendable {
        package var unknownSKU = StockLevels.UnknownSKU.unlimited
    }

    package struct Payment: Sendable {
        package enum Gateway: String, Sendable, CaseIterable { case simulated, http }

        package var gateway = Gateway.simulated
        package var gatewayURL: String?
        package var gatewayToken: String?
        package var timeout: Duration = .seconds(5)
        package var concurrency = 16
        package var retryCap: Duration = .seconds(10)
        package var simulatorLatency: Duration = .milliseconds(20)
        package var simulatorFailureRate = 0.0
    }

    package struct Saga: Sendable {
        package var mode = FulfilmentMode.orchestration
        /// Where the API asks where an order stands; nil is the saga role on this machine.
        package var url: String?
        package var stockDeadline: Duration = .seconds(30)
        package var paymentDeadline: Duration = .seconds(60)
        package var shipmentDeadline: Duration = .seconds(60)
        package var retry = SagaRetry()
    }

    package struct Shutdown: Sendable {
        package var deadline: Duration = .seconds(10)
    }
}

extension Settings {
    /// Whom the dashboard asks besides the process that it is part of.
    package func dashboardRoles(besides own: Role) -> [RoleAddress] {
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
    package var localAuthority: String {
        switch host {
        case "0.0.0.0", "::", "[::]": "localhost"
        default: host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        }
    }
}
