import Foundation

/// The configuration in force, and where each value came from.
package struct LoadedSettings: Sendable {
    package var settings: Settings
    /// Of values that were set; the rest are defaults.
    package var origins: [String: SettingOrigin] = [:]

    init(_ services: ServiceCatalogue) { settings = Settings(services) }

    private var table: SettingTable { settings.services.settings }

    /// One line of `orderflow config`.
    package struct Line: Sendable, Hashable {
        package let name: String
        /// Without secrets.
        package let shown: String
        package let origin: SettingOrigin
    }

    /// Every setting in the order of the table, then librdkafka's properties and routes.
    package var lines: [Line] {
        let properties = settings.kafka.properties.keys.sorted().map { SettingTable.kafkaProperties + $0 }
        let routes = settings.routes.keys.sorted().map { SettingTable.routes + $0 }
        return (table.keys + (properties + routes).compactMap(table.key(named:))).map { key in
            let text = key.get(settings)
            if text.isEmpty, let derived = derived(key.name) { return derived }
            return Line(name: key.name, shown: key.shown(text), origin: origins[key.name] ?? .builtIn)
        }
    }

    /// What `migrate` and rebuilds need and daemons should not know.
    package var administratorsSettings: Set<String> {
        Set(["database.admin_url"] + settings.services.provisionedDatabases.map { "\($0.name).database.owner_url" })
    }

    private func derived(_ name: String) -> Line? {
        if name == "auth.mode", settings.http.isLoopback {
            return Line(name: name, shown: Settings.Auth.Mode.open.rawValue, origin: .derived(from: "http.host"))
        }
        for service in settings.services.provisionedDatabases where name.hasPrefix("\(service.name).database.") {
            let hasOwn = settings.serviceDatabaseURL[service.name] != nil
            for (key, access, source) in [
                ("url", DatabaseAccess.daemon, "database.url"), ("requests_url", .requests, "database.url"),
                ("owner_url", .owner, settings.database.adminURL == nil ? "database.url" : "database.admin_url"),
            ] where name == "\(service.name).database.\(key)" {
                guard let database = try? settings.database(of: service, as: access) else { return nil }
                return Line(
                    name: name, shown: "\(database)",
                    origin: .derived(from: hasOwn ? "\(service.name).database.url" : source))
            }
        }
        for module in settings.services.modules where name == "\(module.name).http.port" {
            return Line(name: name, shown: String(settings.port(of: module)), origin: .derived(from: "http.port"))
        }
        return nil
    }

    /// What a child process needs in its environment to arrive at the same settings: the flags, which it isn't given.
    /// The environment and the file it reads itself. Not in its arguments, which every user of the machine can read.
    /// Without those by which tables are changed.
    package var flagsAsEnvironment: [String: String] {
        let flags = origins.sorted { $0.key < $1.key }.compactMap { name, origin -> SettingsSources.Flag? in
            guard case .flag(let option) = origin, let key = table.key(named: name),
                !administratorsSettings.contains(name)
            else { return nil }
            return SettingsSources.Flag(key: name, text: key.get(settings), option: option)
        }
        guard !flags.isEmpty, let json = try? JSONEncoder().encode(flags) else { return [:] }
        return [SettingsEnvironment.flags: String(decoding: json, as: UTF8.self)]
    }
}
