import Foundation
import Testing
import Yams

@testable import OrderflowApp
@testable import OrderflowKit

/// `docker-compose.yml` can't be run everywhere; what can go wrong unnoticed is checked here.
@Suite struct ComposeTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private func services() throws -> [String: [String: Any]] {
        let text = try String(contentsOf: Self.root.appendingPathComponent("docker-compose.yml"), encoding: .utf8)
        let file = try #require(try Yams.load(yaml: text) as? [String: Any])
        return try #require(file["services"] as? [String: [String: Any]])
    }

    @Test func everyRoleHasAContainer() throws {
        let services = try services()
        for role in OrderflowApp.services.modules {
            #expect(services[role.name]?["command"] as? [String] == ["orderflow", role.name])
        }
    }

    @Test func everySettingExistsAndHasAValidValue() throws {
        for (name, service) in try services() where service["image"] as? String == "orderflow" {
            let variables = try #require(service["environment"] as? [String: Any])
            // As compose would fill in ${NAME:-default} when nothing is set.
            let environment = variables.mapValues {
                "\($0)".replacing(/\$\{[A-Z_]+:-([^}]*)\}/) { $0.output.1 }
            }
            let loaded = try SettingsSources(
                OrderflowApp.services, configPath: Self.root.appendingPathComponent("config/orderflow.yaml").path,
                environment: environment, flags: []
            ).load()
            #expect(loaded.settings.http.host == "0.0.0.0", "\(name)")
            #expect(OrderflowApp.services.modules.allSatisfy { loaded.settings.port(of: $0) == 3000 }, "\(name)")
            #expect(loaded.settings.kafka.brokers == "kafka:9092")
        }
    }

    /// The roles believe the gateway's word for who a client is, and nobody else's.
    @Test func theGatewayIsTheProxyThatIsTrusted() throws {
        let services = try services()
        let networks = services["gateway"]?["networks"] as? [String: [String: String]]
        let address = try #require(networks?["default"]?["ipv4_address"])
        let environment = try #require(services["api"]?["environment"] as? [String: Any])
        #expect(environment["ORDERFLOW_HTTP_TRUSTED_PROXIES"] as? String == address)
        let upstreams = try String(
            contentsOf: Self.root.appendingPathComponent("config/gateway/site/http.conf"), encoding: .utf8)
        for role in ["api", "query"] { #expect(upstreams.contains("server \(role):3000 "), "\(role)") }
    }

    @Test func filesThatAreMountedExist() throws {
        for service in try services().values {
            for volume in service["volumes"] as? [String] ?? [] where volume.hasPrefix("./") {
                let path = String(volume.split(separator: ":")[0].dropFirst(2))
                #expect(FileManager.default.fileExists(atPath: Self.root.appendingPathComponent(path).path), "\(path)")
            }
        }
    }
}
