import ArgumentParser
import OrderflowKit

/// Services as `--service` names them: by their databases.
struct ServiceNames {
    /// Those that a command can ask.
    let known: [ServiceDatabase]

    /// What keeps an audit log: all services, and the list of API keys.
    static var audited: ServiceNames { ServiceNames(known: OrderflowApp.services.provisionedDatabases) }

    /// What sends messages.
    static var sending: ServiceNames { ServiceNames(known: OrderflowApp.services.databases) }

    func check(_ names: [String]) throws(ValidationError) {
        let all = known.map(\.name)
        for name in names where !all.contains(name) {
            throw ValidationError("--service takes one of \(all.joined(separator: ", ")), not \(name)")
        }
    }

    /// All where none is named.
    func databases(_ names: [String]) -> [ServiceDatabase] {
        names.isEmpty ? known : known.filter { names.contains($0.name) }
    }
}
