import ArgumentParser
import Foundation
import Messaging
import OrderflowKit

/// The options that every command has.
struct SettingsOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Settings file; default config/orderflow.yaml where there is one.", valueName: "path"))
    var config: String?

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp(
            "Any setting, as often as needed: --set topics.partitions=12. `orderflow config --reference` lists them.",
            valueName: "key=value"))
    var assignments: [String] = []

    @Option(help: ArgumentHelp("Kafka brokers (kafka.brokers).", valueName: "host:port,…"))
    var brokers: String?

    @Option(
        name: .customLong("database-url"),
        help: ArgumentHelp(
            "Administrator's database (database.url), without a password: with one it is ORDERFLOW_DATABASE_URL.",
            valueName: "url"))
    var databaseURL: String?

    @Option(
        help: ArgumentHelp("trace, debug, info, notice, warning, error or critical (log.level).", valueName: "level"))
    var logLevel: String?

    @Option(help: ArgumentHelp("text or json (log.format).", valueName: "format"))
    var logFormat: String?

    /// - Parameter more: the command's own options, which come over `--set`.
    func load(_ more: [SettingsSources.Flag] = []) throws -> LoadedSettings {
        var sources = SettingsSources(
            OrderflowApp.services, configPath: config, environment: ProcessInfo.processInfo.environment)
        for assignment in assignments {
            guard let equals = assignment.firstIndex(of: "="), equals > assignment.startIndex else {
                // The text isn't repeated: it may be a secret whose key was forgotten.
                throw ValidationError("--set takes key=value, as in --set http.port=8080")
            }
            let text = assignment[assignment.index(after: equals)...]
            sources.flags.append(.init(key: String(assignment[..<equals]), text: String(text), option: "--set"))
        }
        let named = [
            ("kafka.brokers", brokers, "--brokers"), ("database.url", databaseURL, "--database-url"),
            ("log.level", logLevel, "--log-level"), ("log.format", logFormat, "--log-format"),
        ]
        for (key, text, option) in named {
            if let text { sources.flags.append(.init(key: key, text: text, option: option)) }
        }
        sources.flags += more
        let loaded = try sources.load()
        Signatures.install(try RecordSigning.signatures(of: loaded.settings))
        PayloadCodecs.install(
            try loaded.settings.services.facts.payloadCodecs(ids: loaded.settings.schemaIDsForReading))
        return loaded
    }
}
