import Foundation
import Testing
import Yams

@testable import OrderflowApp
@testable import OrderflowKit

/// The source, the help, the alerts and the dashboard speak of the same metrics.
@Suite struct MetricNamesTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private func content(_ path: String) throws -> String {
        try String(contentsOf: Self.root.appendingPathComponent(path), encoding: .utf8)
    }

    /// All Swift files of the sources but the help itself.
    private func sources() throws -> [String] {
        let folder = Self.root.appendingPathComponent("Sources").path
        let files = try #require(FileManager.default.enumerator(atPath: folder)).compactMap { $0 as? String }
        return try files.filter { $0.hasSuffix(".swift") && !$0.hasSuffix("MetricHelp.swift") }.map {
            try content("Sources/\($0)")
        }
    }

    /// The metrics that a PromQL expression names.
    private func names(in expression: String) -> Set<String> {
        let names = expression.matches(of: /\b(?:orderflow|process|telemetry)_[a-z0-9_]+/).map { String($0.output) }
        return Set(
            names.map { name in
                let family = ["_bucket", "_sum", "_count"].first { name.hasSuffix($0) }.map { name.dropLast($0.count) }
                guard let family, MetricHelp.all(OrderflowApp.services)[name] == nil else { return name }
                return String(family)
            })
    }

    /// Every `expr` in a tree of YAML or JSON.
    private func expressions(_ value: Any) -> [String] {
        if let list = value as? [Any] { return list.flatMap(expressions) }
        guard let mapping = value as? [String: Any] else { return [] }
        return mapping.flatMap { name, value -> [String] in
            if ["expr", "definition"].contains(name), let text = value as? String { return [text] }
            return expressions(value)
        }
    }

    @Test func everyMetricOfTheSourceHasAHelp() throws {
        var found: Set<String> = []
        let places = ["label:", "scrape.", "BacklogQuery("]
        // A plain search first: few files have one, and an expression takes its time over a file.
        for source in try sources() where places.contains(where: { source.contains($0) }) {
            let labels = source.matches(of: /(?:label:|scrape\.gauge\(|scrape\.counter\(|BacklogQuery\()\s*"([a-z_]+)"/)
            found.formUnion(labels.map { String($0.output.1) })
        }
        #expect(found.contains("orderflow_relay_backlog_rows") && found.contains("orderflow_pool_size"))
        // A logger has a label too.
        found = found.filter { $0.contains("_") }
        #expect(found.subtracting(MetricHelp.all(OrderflowApp.services).keys).isEmpty)
    }

    @Test func everyHelpIsOfAMetricInTheSource() throws {
        var quoted: Set<Substring> = []
        for source in try sources() {
            quoted.formUnion(source.utf8.split(separator: UInt8(ascii: "\"")).map { Substring($0) })
        }
        for name in MetricHelp.all(OrderflowApp.services).keys.sorted() {
            #expect(quoted.contains(Substring(name)), "\(name)")
        }
    }

    @Test func alertsNameMetricsThatExist() throws {
        let rules = try #require(try Yams.load(yaml: content("config/alerts.yml")))
        let expressions = expressions(rules)
        #expect(expressions.count >= 20)
        for expression in expressions {
            let unknown = names(in: expression).subtracting(MetricHelp.all(OrderflowApp.services).keys)
            #expect(unknown.isEmpty, "\(expression)")
        }
    }

    @Test func theDashboardNamesMetricsThatExist() throws {
        let dashboard = try JSONSerialization.jsonObject(
            with: Data(content("config/grafana/dashboards/orderflow.json").utf8))
        let expressions = expressions(dashboard)
        #expect(expressions.count >= 40)
        for expression in expressions {
            let unknown = names(in: expression).subtracting(MetricHelp.all(OrderflowApp.services).keys)
            #expect(unknown.isEmpty, "\(expression)")
        }
    }

    @Test func scalingNamesMetricsThatExist() throws {
        let groups = OrderflowApp.services.groups.map(\.name)
        #expect(groups.count > 8)
        for group in groups {
            let names = names(in: ScalingManifest.work(before: group))
            #expect(names.count == 3 && names.isSubset(of: MetricHelp.all(OrderflowApp.services).keys))
        }
    }

    @Test func prometheusScrapesEveryRole() throws {
        let configuration = try content("config/prometheus.yml")
        let names = try #require(configuration.firstMatch(of: /names: \[(.*)\]/)).output.1
        let roles = Set(names.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
        #expect(roles == Set(OrderflowApp.services.names))
        _ = try #require(try Yams.load(yaml: configuration))
    }
}
