import OrderflowKit
import Orders
import Schemas

/// Holds the schemas of this program against those of releases.
struct SchemaCheck {
    /// One thing that stands in the way.
    struct Finding: Equatable, CustomStringConvertible {
        /// The file of the release.
        let path: String
        let flaw: Incompatibility

        var description: String { "\(path): \(flaw)" }
    }

    private let mode: CompatibilityMode
    private let present: [String: SchemaText]
    private let facts: FactCatalogue

    init(_ services: ServiceCatalogue, _ mode: CompatibilityMode) {
        self.mode = mode
        facts = services.facts
        present = Dictionary(services.schemas.texts.map { ($0.subject, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Transitive modes look at all releases, others at the last.
    func findings(against releases: [SchemaFolder.Release]) -> [Finding] {
        let releases = mode.isTransitive ? releases[...] : releases.suffix(1)
        return releases.flatMap(\.files).flatMap { file in
            flaws(after: file).map { Finding(path: file.path, flaw: $0) }
        }
    }

    private func flaws(after file: SchemaFolder.File) -> [Incompatibility] {
        if let text = present[file.fullName] { return mode.flaws(of: text.definition, after: file.definition) }
        return mode == .none ? [] : gone(file)
    }

    /// What isn't there under its name any more: fine where records of that version are brought up to the present one.
    private func gone(_ file: SchemaFolder.File) -> [Incompatibility] {
        let words = file.fullName.split(separator: ".")
        guard let type = words.last.map(String.init), let payload = facts.all.first(where: { $0.type == type }) else {
            return [flaw("message_removed", "no service of this program declares it")]
        }
        guard let version = words.dropLast().last.flatMap({ $0.hasPrefix("v") ? Int($0.dropFirst()) : nil }) else {
            return [flaw("message_renamed", "it isn't among orderflow's packages and namespaces")]
        }
        guard mode.isForward == false else {
            return [flaw("version_changed", "readers of version \(version) don't know version \(payload.version)")]
        }
        guard payload.reads(version: version) else {
            return [flaw("version_without_upcaster", "version \(payload.version) doesn't read version \(version)")]
        }
        return []
    }

    private func flaw(_ rule: String, _ detail: String) -> Incompatibility {
        Incompatibility(path: "", rule: rule, detail: detail)
    }
}
