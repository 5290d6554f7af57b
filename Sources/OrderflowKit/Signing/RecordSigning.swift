import Foundation
import Kafka
import Messaging

/// `kafka.signing` of a process: reads the keys, and says who may say what.
package enum RecordSigning {
    /// What the settings ask for; nil where nothing is signed.
    ///
    /// - Parameter module: the service that this process is of, which must have keys to sign with; nil for a command.
    package static func signatures(
        of settings: Settings, for module: ServiceModule? = nil
    ) throws(SettingsError) -> Signatures? {
        guard settings.kafka.signing != .off else { return nil }
        guard let directory = settings.kafka.signingKeys else {
            throw SettingsError(problems: ["kafka.signing_keys: must be set where kafka.signing isn't off"])
        }
        let says = says(settings)
        var keys: [String: SourceKeys] = [:]
        for source in says.keys.sorted() {
            let path = directory + "/" + fileName(of: source)
            // What isn't given to this machine isn't believed here.
            guard FileManager.default.fileExists(atPath: path) else { continue }
            do {
                keys[source] = try SourceKeys(lines: try String(contentsOfFile: path, encoding: .utf8))
            } catch {
                let reason = (error as? KeyFlaw)?.description ?? error.localizedDescription
                throw SettingsError(problems: ["kafka.signing_keys: \(path): \(reason)"])
            }
        }
        if let module, keys[module.sourceURI] == nil {
            let path = directory + "/" + fileName(of: module.sourceURI)
            throw SettingsError(problems: [
                "kafka.signing_keys: there is no \(path), which \(module.name) signs with; `orderflow signing keys` makes it"
            ])
        }
        let check = Signatures.Check(says: says, unsignedBefore: settings.kafka.unsignedBefore)
        return Signatures(keys: keys, check: settings.kafka.signing == .on ? check : nil)
    }

    /// The types that each source may say: services of the program, and those of `kafka.sources`.
    package static func says(_ settings: Settings) -> [String: Set<String>] {
        var says: [String: Set<String>] = [:]
        for module in settings.services.modules {
            says[module.sourceURI, default: []].formUnion(settings.services.says(module).values.flatMap(\.self))
            says[module.sourceURI, default: []].formUnion(module.answers.flatMap(\.replies))
        }
        for foreign in settings.kafka.sources { says[foreign.source, default: []].formUnion(foreign.types) }
        return says.filter { !$0.value.isEmpty }
    }

    /// `orderflow.payment.keys` for `/orderflow/payment`.
    package static func fileName(of source: String) -> String {
        source.drop { $0 == "/" }.map { $0 == "/" || $0 == ":" ? "." : String($0) }.joined() + ".keys"
    }
}

extension ServiceModule {
    /// `ce_source` of what it says.
    package var sourceURI: String { "/orderflow/\(source)" }
}
