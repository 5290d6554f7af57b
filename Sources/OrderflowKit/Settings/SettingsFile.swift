import Foundation
import Yams

/// A YAML file of settings, checked against the table: every name is known, every value a scalar.
package struct SettingsFile: Sendable {
    package static let defaultPath = "config/orderflow.yaml"

    package let path: String
    /// What stands there of each setting.
    package let texts: [String: String]
    /// Where each setting stands.
    package let lines: [String: Int]

    package init(path: String, table: SettingTable) throws(SettingsError) {
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw SettingsError(problems: ["\(path): can't be read: \(error.localizedDescription)"])
        }
        try self.init(path: path, text: text, table: table)
    }

    package init(path: String, text: String, table: SettingTable) throws(SettingsError) {
        var walk = Walk(path: path, table: table)
        do {
            if let root = try Yams.compose(yaml: text) { walk.visit(root, name: "") }
        } catch {
            throw SettingsError(problems: [Self.oneLine(error, path: path)])
        }
        guard walk.problems.isEmpty else { throw SettingsError(problems: walk.problems) }
        self.path = path
        lines = walk.lines
        texts = walk.texts
    }

    private struct Walk {
        let path: String
        let table: SettingTable
        var texts: [String: String] = [:]
        var lines: [String: Int] = [:]
        var problems: [String] = []

        mutating func visit(_ node: Node, name: String) {
            switch node {
            case .mapping(let mapping):
                for (key, value) in mapping {
                    guard let part = key.string, !part.isEmpty else {
                        report(key, "a key must be a text")
                        continue
                    }
                    visit(value, name: name.isEmpty ? part : name + "." + part)
                }
            case .scalar(let scalar):
                let isNull = scalar.style == .plain && ["", "~", "null"].contains(scalar.string)
                take(isNull ? nil : scalar.string, node, name: name)
            case .sequence: report(node, "\(name.isEmpty ? "the file" : name) must not be a list")
            case .alias: report(node, "\(name) must not be an alias")
            }
        }

        /// - Parameter text: nil where nothing stands after the colon.
        private mutating func take(_ text: String?, _ node: Node, name: String) {
            guard table.key(named: name) != nil else {
                // A section with everything in it commented out is fine.
                if text != nil || !isSection(name) { report(node, unknown(name)) }
                return
            }
            guard lines[name] == nil else { return report(node, "\(name) is there twice") }
            lines[name] = node.mark?.line ?? 0
            texts[name] = text ?? ""
        }

        private func isSection(_ name: String) -> Bool {
            name.isEmpty || [SettingTable.kafkaProperties, SettingTable.routes].contains(name + ".")
                || table.keys.contains { $0.name.hasPrefix(name + ".") }
        }

        private func unknown(_ name: String) -> String {
            if name.isEmpty { return "keys and values are expected" }
            if isSection(name) { return "\(name) is a section, not a setting" }
            return "unknown key \(name)\(Suggestion.text(for: name, among: table.keys.map(\.name)))"
        }

        private mutating func report(_ node: Node, _ problem: String) {
            problems.append("\(path):\(node.mark?.line ?? 1): \(problem)")
        }
    }

    /// Yams describes errors over several lines, with an excerpt of the file that may hold a secret.
    private static func oneLine(_ error: any Error, path: String) -> String {
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            return "\(path):\(mark.line): not YAML: \(problem)"
        case .duplicatedKeysInMapping(let duplicates, _):
            return "\(path): twice in one section: \(duplicates.sorted().joined(separator: ", "))"
        default:
            return "\(path): not YAML"
        }
    }
}
