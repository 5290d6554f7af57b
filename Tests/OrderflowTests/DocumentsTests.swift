import Foundation
import Messaging
import Postgres
import Randomness
import Testing
import Yams

@testable import OrderflowApp
@testable import OrderflowKit

/// `orderflow docs`: the files that follow from the list of services.
@Suite struct DocumentsTests {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// A folder that goes with the test.
    private final class Folder {
        let path = NSTemporaryDirectory() + "/orderflow-docs-\(UUID())"
        deinit { try? FileManager.default.removeItem(atPath: path) }

        func text(_ name: String) throws -> String { try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8) }
        func write(_ name: String, _ text: String) throws {
            try text.write(toFile: "\(path)/\(name)", atomically: true, encoding: .utf8)
        }
    }

    /// A program of another team: the shop and a service of their own.
    static let withLoyalty = ServiceCatalogue(
        .standard + [
            ServiceModule("loyalty", port: 10, summary: "gives points for confirmed orders") {
                ServiceDatabase(
                    "loyalty",
                    migrations: [
                        Migration(version: 1, name: "messaging", sql: MessagingSchema.v1 + MessagingSchema.v2)
                    ])
                Consumes(.orderEvents) { _ in throw CancellationError() }
                Alert("LoyaltyLate", "max(orderflow_view_lag_seconds) > 1", .ticket, "points: \"late\" # again")
            }
        ])

    @Test func whatIsCommittedIsWhatTheServicesMakeOfIt() throws {
        let folder = DocumentFolder(path: Self.root.path)
        let differing = try folder.differences(of: ProgramDocument.all(OrderflowApp.services)).map(\.path)
        #expect(differing.isEmpty, "write them anew: orderflow docs --to .")
    }

    @Test func anotherListOfServicesGetsItsOwnFiles() throws {
        let folder = Folder()
        let documents = DocumentFolder(path: folder.path)
        let all = ProgramDocument.all(Self.withLoyalty)
        let written = try documents.write(all)
        #expect(written.allSatisfy { $0.change == .new } && written.count == all.flatMap(\.files).count)
        #expect(try documents.differences(of: all).isEmpty)

        #expect(try folder.text("config/orderflow.yaml").contains("\nloyalty:\n"))
        #expect(try folder.text("config/prometheus.yml").contains("saga, webhooks, loyalty]"))
        #expect(try folder.text("config/alerts.yml").contains(#"role="loyalty""#))
        #expect(try folder.text("docs/asyncapi.yaml").contains("loyaltyConsumesOrderEvents:"))
        #expect(try folder.text("deploy/kubernetes/loyalty.yaml").contains("kind: StatefulSet"))
        #expect(try folder.text("deploy/kubernetes/kustomization.yaml").contains("- loyalty.yaml"))
        #expect(try folder.text("deploy/kubernetes/scaling/loyalty.yaml").contains(#"group="loyalty-group""#))
        let compose = try #require(try Yams.load(yaml: folder.text("docker-compose.yml")) as? [String: Any])
        let loyalty = try #require((compose["services"] as? [String: [String: Any]])?["loyalty"])
        #expect(loyalty["command"] as? [String] == ["orderflow", "loyalty"])
        #expect((loyalty["environment"] as? [String: Any])?["ORDERFLOW_LOYALTY_HTTP_PORT"] as? Int == 3000)

        // The service is given up: its files go, and nobody else's.
        try folder.write("deploy/kubernetes/ingress.yaml", "kind: Ingress\n")
        let without = ProgramDocument.all(OrderflowApp.services)
        let stale = try documents.differences(of: without).filter { $0.change == .stale }.map(\.path)
        #expect(stale == ["deploy/kubernetes/loyalty.yaml", "deploy/kubernetes/scaling/loyalty.yaml"])
        _ = try documents.write(without)
        #expect(throws: (any Error).self) { try folder.text("deploy/kubernetes/loyalty.yaml") }
        #expect(try folder.text("deploy/kubernetes/ingress.yaml") == "kind: Ingress\n")
        #expect(try documents.differences(of: without).isEmpty)
    }

    @Test func whatIsWrittenByHandStays() throws {
        let folder = Folder()
        let documents = DocumentFolder(path: folder.path)
        let compose = ProgramDocument.all(OrderflowApp.services).filter { $0.name == "compose" }
        _ = try documents.write(compose)
        let text = try folder.text("docker-compose.yml")
        let edited = text.replacing("services:\n", with: "services:\n  kafka: {image: kafka}\n") + "volumes: {}"
        try folder.write("docker-compose.yml", edited.replacing("[orderflow, saga]", with: "[orderflow, soap]"))
        #expect(try documents.write(compose).map(\.change) == [.changed])
        #expect(try folder.text("docker-compose.yml") == edited)

        let mark = MarkedRegions.end("roles")
        for broken in [edited.replacing(mark, with: ""), edited + "\n\(mark)\n", "services: {}\n", ""] {
            try folder.write("docker-compose.yml", broken)
            #expect(throws: MarkedRegions.Missing.self) { try documents.write(compose) }
            #expect(try folder.text("docker-compose.yml") == broken)
        }
    }

    @Test func regionsAreIndentedAsTheirMarks() throws {
        let regions = MarkedRegions(
            frame: "a:\n\(MarkedRegions.marks("x", indent: 4))b: 1\n", regions: [("x", "c:\n  d: 1\n")])
        let once = try regions.text(over: nil, in: "f")
        #expect(
            once == """
                a:
                    \(MarkedRegions.begin("x"))
                    c:
                      d: 1
                    \(MarkedRegions.end("x"))
                b: 1

                """)
        #expect(try regions.text(over: once, in: "f") == once)
    }

    @Test func yamlReadsScalarsBackAsTheSameText() throws {
        var random = SeededGenerator(seed: 14)
        let pieces =
            ["a", "B", " ", ":", "#", "\"", "'", "\\", "{", "}", "[", "]", ",", "-", "%", "&", "*", "\n", "\t"]
            + ["1", "/", "ü", "true", "null", "no", ">", "|", "@", "`", "=", "?", "!"]
        for _ in 0..<TestTier.rounds(3_000) {
            let text = (0..<Int.random(in: 0...6, using: &random)).map { _ in
                pieces.randomElement(using: &random) ?? ""
            }.joined()
            let read = try Yams.load(yaml: "k: \(YAMLText.scalar(text))\n") as? [String: Any]
            #expect(read?["k"] as? String == text, "\(text.debugDescription)")
        }
    }

    /// The rules as Prometheus reads them.
    private func rules(_ services: ServiceCatalogue) throws -> [[String: Any]] {
        let text = AlertsDocument(services).text
        let groups = try #require((try Yams.load(yaml: text) as? [String: [[String: Any]]])?["groups"])
        #expect(Set(groups.compactMap { $0["name"] as? String }).count == groups.count)
        return groups.flatMap { $0["rules"] as? [[String: Any]] ?? [] }
    }

    @Test func alertsAreThoseOfTheServicesAndTheGeneralOnes() throws {
        let services = Self.withLoyalty
        let alerts = GeneralAlerts.groups(services).flatMap(\.alerts) + services.modules.flatMap(\.alerts)
        let rules = try rules(services)
        #expect(rules.count == alerts.count && Set(alerts.map(\.name)).count == alerts.count)
        for (rule, alert) in zip(rules, alerts) {
            #expect(rule["alert"] as? String == alert.name)
            #expect((rule["expr"] as? String)?.trimmingCharacters(in: .newlines) == alert.expression)
            #expect(rule["for"] as? String == alert.holds)
            #expect(rule["labels"] as? [String: String] == ["severity": alert.severity.rawValue])
            var words = ["summary": alert.summary]
            words["description"] = alert.description
            #expect(rule["annotations"] as? [String: String] == words)
        }
    }

    @Test func aRoleOnRequestMayBeMissing() throws {
        let rule = try #require(
            try rules(OrderflowApp.services).first { $0["alert"] as? String == "OrderflowRoleMissing" })
        let roles = try #require(rule["expr"] as? String).matches(of: /role="([a-z]+)"/).map { String($0.output.1) }
        #expect(roles == OrderflowApp.services.names.filter { $0 != "query" })
    }
}
