import Foundation

/// Where settings are looked for, from the command line's point of view.
package struct SettingsSources: Sendable {
    /// One option of the command line that sets something.
    package struct Flag: Sendable, Hashable, Codable {
        package let key: String
        package let text: String
        /// As typed: `--port`, `--set`.
        package let option: String

        package init(key: String, text: String, option: String) {
            self.key = key
            self.text = text
            self.option = option
        }
    }

    /// Whose settings there are.
    package let services: ServiceCatalogue
    /// Nil takes `ORDERFLOW_CONFIG`, or `config/orderflow.yaml` where there is one.
    package var configPath: String?
    package var environment: [String: String] = [:]
    /// The last one for a key wins.
    package var flags: [Flag] = []

    package init(
        _ services: ServiceCatalogue, configPath: String? = nil, environment: [String: String] = [:],
        flags: [Flag] = []
    ) {
        self.services = services
        self.configPath = configPath
        self.environment = environment
        self.flags = flags
    }

    /// Flags over environment over file over defaults. Throws all problems at once.
    package func load() throws(SettingsError) -> LoadedSettings {
        var problems: [String] = []
        func collecting<Value>(_ body: () throws(SettingsError) -> Value) -> Value? {
            do { return try body() } catch {
                problems += error.problems
                return nil
            }
        }
        let layers = [
            collecting { () throws(SettingsError) in try flagLayer() },
            collecting { () throws(SettingsError) in try environmentLayer() },
            collecting { () throws(SettingsError) in try fileLayer() } ?? nil,
        ].compactMap { $0 }

        var loaded = LoadedSettings(services)
        for name in names(in: layers) {
            guard let key = services.settings.key(named: name), let (text, origin) = Self.find(key, in: layers) else {
                continue
            }
            if key.set(text, &loaded.settings) {
                loaded.origins[name] = origin
            } else {
                problems.append("\(name): \"\(key.shown(text))\" (\(origin)) must be \(key.expected)")
            }
        }
        problems += loaded.settings.contradictions
        guard problems.isEmpty else { throw SettingsError(problems: problems) }
        return loaded
    }

    /// One source: what it says of each setting, and where.
    private struct Layer {
        let texts: [String: String]
        let origins: [String: SettingOrigin]
    }

    private static func find(_ key: SettingKey, in layers: [Layer]) -> (String, SettingOrigin)? {
        for layer in layers {
            if let text = layer.texts[key.name], let origin = layer.origins[key.name] { return (text, origin) }
        }
        return nil
    }

    /// Every name that some layer sets, in the order of the table.
    private func names(in layers: [Layer]) -> [String] {
        let mentioned = layers.reduce(into: Set<String>()) { $0.formUnion($1.origins.keys) }
        let fixed = services.settings.keys.map(\.name)
        return fixed.filter(mentioned.contains) + mentioned.subtracting(fixed).sorted()
    }

    /// What the supervisor was told on its command line.
    private func inheritedFlags() throws(SettingsError) -> [Flag] {
        guard let text = environment[SettingsEnvironment.flags], !text.isEmpty else { return [] }
        guard let flags = try? JSONDecoder().decode([Flag].self, from: Data(text.utf8)) else {
            throw SettingsError(problems: ["\(SettingsEnvironment.flags): is `orderflow up`'s to set"])
        }
        return flags
    }

    private func flagLayer() throws(SettingsError) -> Layer {
        var texts: [String: String] = [:]
        var origins: [String: SettingOrigin] = [:]
        var problems: [String] = []
        for flag in try inheritedFlags() + flags {
            guard let key = services.settings.key(named: flag.key) else {
                let names = services.settings.keys.map(\.name)
                problems.append(
                    "\(flag.option): unknown key \(flag.key)\(Suggestion.text(for: flag.key, among: names))")
                continue
            }
            guard !key.holdsSecret(flag.text) else {
                let secret = key.isPassword ? flag.key : "the secret in \(flag.key)"
                problems.append(
                    "\(flag.option): other users could read \(secret) there; set \(key.environmentName)")
                continue
            }
            texts[flag.key] = flag.text
            origins[flag.key] = .flag(flag.option)
        }
        guard problems.isEmpty else { throw SettingsError(problems: problems) }
        return Layer(texts: texts, origins: origins)
    }

    private func environmentLayer() throws(SettingsError) -> Layer {
        let found = try SettingsEnvironment.settings(in: environment, of: services.settings)
        return Layer(
            texts: found.compactMapValues { environment[$0] },
            origins: found.mapValues { .environment(name: $0) })
    }

    private func fileLayer() throws(SettingsError) -> Layer? {
        let named = configPath ?? environment[SettingsEnvironment.configFile].flatMap { $0.isEmpty ? nil : $0 }
        if named == nil, !FileManager.default.fileExists(atPath: SettingsFile.defaultPath) { return nil }
        let file = try SettingsFile(path: named ?? SettingsFile.defaultPath, table: services.settings)
        return Layer(
            texts: file.texts,
            origins: file.lines.reduce(into: [:]) { $0[$1.key] = .file(path: file.path, line: $1.value) })
    }
}

extension Settings {
    /// Values that are each fine and can't be together.
    fileprivate var contradictions: [String] {
        var problems = services.modules.flatMap { module in module.checks.flatMap { $0(self) } } + auth.contradictions
        do throws(SettingsError) { _ = try routeTable() } catch { problems += error.problems }
        let names = services.topics.map { topics.names[$0] } + [topics.names.logs]
        for (index, name) in names.enumerated() where names[..<index].contains(name) {
            problems.append("topics: two of them are called \(name)")
        }
        // An express lane has what the topic beside it has.
        let lanes = Set(services.topics.compactMap(\.expressLane).map { topics.names[$0] })
        let formatted = names.dropLast().filter { !lanes.contains($0) }
        for name in topics.formats.byTopic.keys.sorted() where !formatted.contains(name) {
            problems.append("topics.format: there is no topic \(name); there are \(formatted.joined(separator: ", "))")
        }
        for address in dashboard.roles where services[address.role] == nil {
            let known = services.names.joined(separator: ", ")
            problems.append("dashboard.roles: there is no role \(address.role); there are \(known)")
        }
        if http.port > 65_535 - (services.modules.map(\.port).max() ?? 0) {
            problems.append("http.port: \(http.port) leaves no room for the ports of the other roles")
        }
        return problems
    }
}
