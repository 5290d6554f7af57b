import ArgumentParser
import Execution
import Foundation
import Logging
import OrderflowKit
import Schemas
import Terminal

struct SchemasCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schemas",
        abstract: "The schemas of facts and commands for Protocol Buffers and Avro.",
        discussion: """
            Each fact and command has a schema beside its coder, from which the files, the bytes and the ids follow. In \
            Protocol Buffers it is a message of the package orderflow.v<version>, one a file; in Avro a record of the \
            namespace orderflow.avro.v<version>. A registry keeps each under that name (RecordNameStrategy). Members of \
            the JSON have their names in Avro, and snake_case in Protocol Buffers; amounts are exact decimal text, times \
            google.protobuf.Timestamp and timestamp-micros.

            EXAMPLES
              orderflow schemas export --to schemas
              orderflow schemas check --against schemas/released
              orderflow schemas register --set schemas.registry_url=http://127.0.0.1:8081
            """,
        subcommands: [SchemasExportCommand.self, SchemasCheckCommand.self, SchemasRegisterCommand.self])
}

struct SchemasExportCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write the schemas of this program: a .proto and an .avsc a message.",
        discussion: """
            Without --to they are listed, with the ids that they have where no registry gives others. The files are the \
            same for the same facts. `orderflow docs --to .` writes them too. With a release, keep what it sends by: \
            `orderflow schemas check` holds later ones against that.

            EXAMPLES
              orderflow schemas export
              orderflow schemas export --to schemas/released/1.4
              orderflow schemas export OrderCreated OrderCancelled --to ../consumer/schemas
            """)

    @Argument(help: ArgumentHelp("The messages, by name; all without one.", valueName: "type"))
    var types: [String] = []

    @Option(help: ArgumentHelp("Write them into this folder.", valueName: "folder"))
    var to: String?

    func execute() throws {
        let services = OrderflowApp.services
        let known = services.facts.all.map { $0.type }
        for type in types where !known.contains(type) {
            throw ValidationError("no message is called \(type)\(Suggestion.text(for: type, among: known))")
        }
        let wanted = types.isEmpty ? nil : Set(types)
        guard let to else { return tell(Self.list(services, wanted)) }
        let files = SchemasDocument(services).files(in: to, of: wanted)
        do {
            try FileManager.default.createDirectory(atPath: to, withIntermediateDirectories: true)
            for file in files {
                try Data(file.text(over: nil).utf8).write(to: URL(fileURLWithPath: file.path), options: .atomic)
            }
        } catch {
            throw SchemaFolder.Problem(description: "\(to): can't be written: \(error.localizedDescription)")
        }
        tell("wrote \(files.count) files to \(to)\n")
    }

    private static func list(_ services: ServiceCatalogue, _ types: Set<String>?) -> TerminalText {
        let rows = services.schemas.texts.filter { types?.contains($0.reference.type) ?? true }.map { text in
            [
                text.reference.type, "\(text.reference.version)", text.reference.format.rawValue,
                "\(OwnSchemaIDs.id(of: text.text))", text.subject,
            ]
        }
        return TextTable.write([["TYPE", "VERSION", "FORMAT", "ID", "SUBJECT"]] + rows)
    }
}

struct SchemasCheckCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Say which changes of schemas would break readers.",
        discussion: """
            Compares the schemas of this program with those of a release (a folder of .proto and .avsc files), or of \
            several (a folder a release, the last one by its name). The modes are those of Confluent's registry:

              backward              the new program reads what the last release wrote: update readers first
              forward               the last release reads what the new program writes: update writers first
              full                  both
              …-transitive          not only the last release, but all that there are
              none                  nothing is compared

            Avro goes by the specification's rules of schema resolution, Protocol Buffers by "Updating A Message Type": \
            what is compatible in one need not be in the other, and both are asked for. A change that old records don't \
            fit is a new version of the fact, with an upcaster. --registry asks the registry as well, by the mode that \
            it has set.

            Exit code 1 where something is incompatible, and a line for each: file, place, rule.

            EXAMPLES
              orderflow schemas check --against schemas/released
              orderflow schemas check --against schemas/released --mode full-transitive
              orderflow schemas check --registry --set schemas.registry_url=http://127.0.0.1:8081
            """)

    @Option(help: ArgumentHelp("A release's schemas, or a folder of releases.", valueName: "folder"))
    var against: String?

    @Option(help: "backward, forward, full, each also as …-transitive, or none.")
    var mode = "backward"

    @Flag(help: "Ask the registry (schemas.registry_url) too.") var registry = false
    @OptionGroup var options: SettingsOptions

    func validate() throws {
        guard CompatibilityMode(rawValue: mode) != nil else {
            let known = CompatibilityMode.allCases.map(\.rawValue)
            throw ValidationError("--mode takes one of \(known.joined(separator: ", "))")
        }
        guard against != nil || registry else { throw ValidationError("give --against FOLDER, or --registry") }
    }

    func execute() async throws {
        guard let mode = CompatibilityMode(rawValue: mode) else { return }
        let services = OrderflowApp.services
        var count = 0
        if let against {
            let folder = try SchemaFolder(against)
            let findings = SchemaCheck(services, mode).findings(against: folder.releases)
            for finding in findings { warn("\(finding)") }
            count += findings.count
        }
        if registry { count += try await askRegistry(services) }
        guard count == 0 else { throw ExitCode(ExitStatus.failure) }
        tell("\(services.schemas.texts.count) schemas are compatible\n")
    }

    private func askRegistry(_ services: ServiceCatalogue) async throws -> Int {
        let settings = try options.load().settings
        Observability.start(settings.log)
        let client = try RegistryClient.configured(settings)
        return try await DedicatedThread.run("registry") {
            var count = 0
            for text in services.schemas.texts {
                for flaw in try client.flaws(of: text) {
                    warn("\(text.subject): \(flaw)")
                    count += 1
                }
            }
            return count
        }
    }
}

struct SchemasRegisterCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "register",
        abstract: "Register the schemas of this program at the registry.",
        discussion: """
            Daemons do it by themselves as they start, for the formats that they send. By hand it is for a registry that \
            daemons may only read from, and for knowing beforehand whether it takes them: a schema that isn't compatible \
            with the last one of its subject is refused, and named. Each is listed with its id. Safe to run again.

            EXAMPLES
              orderflow schemas register --set schemas.registry_url=http://127.0.0.1:8081
              orderflow schemas register --format avro
            """)

    @Option(help: "protobuf or avro; both without it.") var format: String?
    @OptionGroup var options: SettingsOptions

    func validate() throws {
        if let format, SchemaFormat(rawValue: format) == nil {
            let known = SchemaFormat.allCases.map(\.rawValue)
            throw ValidationError("--format takes one of \(known.joined(separator: ", "))")
        }
    }

    func execute() async throws {
        let settings = try options.load().settings
        Observability.start(settings.log)
        let client = try RegistryClient.configured(settings)
        let texts = settings.services.schemas.texts.filter { format == nil || $0.reference.format.rawValue == format }
        let refused = try await DedicatedThread.run("registry") {
            var (rows, refused) = ([["ID", "SUBJECT"]], 0)
            for text in texts {
                do throws(RegistryClient.Failure) {
                    rows.append(["\(try client.id(of: text))", text.subject])
                } catch .away(let words) {
                    throw RegistryClient.Failure.away(words)
                } catch {
                    warn("\(text.subject): \(error)")
                    refused += 1
                }
            }
            tell(TextTable.write(rows))
            return refused
        }
        if refused > 0 { throw ExitCode(ExitStatus.failure) }
    }
}

extension RegistryClient {
    fileprivate static func configured(_ settings: Settings) throws(SettingsError) -> RegistryClient {
        guard let url = settings.schemas.registryURL else {
            throw SettingsError(problems: ["schemas.registry_url: must be set to ask a registry"])
        }
        return RegistryClient(url: url, settings.schemas)
    }
}
