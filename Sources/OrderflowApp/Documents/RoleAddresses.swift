import OrderflowKit

/// The settings by which roles on machines of their own find each other.
struct RoleAddresses {
    private let services: ServiceCatalogue

    init(_ services: ServiceCatalogue) { self.services = services }

    /// As environment variables.
    ///
    /// - Parameters:
    ///   - port: of every role.
    ///   - host: of a role, by its name.
    func environment(port: Int, _ host: (_ role: String) -> String) -> [(name: String, value: String)] {
        func url(_ role: String) -> String { "http://\(host(role)):\(port)" }
        var found: [(name: String, value: String)] = []
        for module in services.modules {
            // A service that asks another one has a setting for where that is.
            let key = "\(module.name).url"
            let isAsked = services.modules.contains { asking in
                asking.name != module.name && asking.settings.contains { $0.name == key }
            }
            guard isAsked else { continue }
            found.append((SettingKey.environmentName(of: key), url(module.name)))
        }
        let asked = services.modules.filter { !$0.duties.contains(.dashboard) }.map { "\($0.name)=\(url($0.name))" }
        found.append((SettingKey.environmentName(of: "dashboard.roles"), asked.joined(separator: ",")))
        let hosts = services.modules.map { host($0.name) }
        found.append((SettingKey.environmentName(of: "http.allowed_hosts"), hosts.joined(separator: ",")))
        return found
    }
}

extension ServiceModule {
    /// Whether its processes answer customers before anything else: no consumer group is needed for their main work.
    /// They come and go with the load; those of the others have names that last.
    var isFrontEnd: Bool { groups.allSatisfy { !$0.isNeeded } }
}
