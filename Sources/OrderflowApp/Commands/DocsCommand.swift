import ArgumentParser
import OrderflowKit
import Terminal

struct DocsCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "docs",
        abstract: "Write the files that follow from the list of services, or check them.",
        discussion: """
            Settings, containers, scraping, alerts, topics, schemas and manifests are what the services of this program make them. \
            Without NAME all that there are: listed, or with --to written, or with --check compared. A NAME without \
            --to is printed. Of docker-compose.yml and docs/asyncapi.yaml only what stands between marks is written; \
            the rest is yours. Generated manifests of services that are gone are removed.

            --check changes nothing; exit code 1 where a file differs, and a line for each.

            EXAMPLES
              orderflow docs                                list them
              orderflow docs settings > my.yaml             a settings file to start from
              orderflow docs --to .                         write all of them here
              orderflow docs kubernetes | kubectl apply --dry-run=client -f -
              orderflow docs --check                        for CI
            """)

    @Argument(help: ArgumentHelp("The documents, by name; all without one.", valueName: "name"))
    var names: [String] = []

    @Option(help: ArgumentHelp("Write them under this folder; with --check, compare those there.", valueName: "folder"))
    var to: String?

    @Flag(help: "Compare the files with what they should be, here or under --to.")
    var check = false

    func execute() throws {
        let all = ProgramDocument.all(OrderflowApp.services)
        let documents = names.isEmpty ? all : try names.map { try Self.document($0, among: all) }
        let folder = DocumentFolder(path: to ?? ".")
        if check {
            let differences = try folder.differences(of: documents)
            for (path, change) in differences { warn("\(path) \(Self.verdict(change))") }
            guard differences.isEmpty else {
                warn("`orderflow docs --to \(to ?? ".")` writes what the services make of them")
                throw ExitCode(ExitStatus.failure)
            }
        } else if to != nil {
            for (path, change) in try folder.write(documents) {
                tell("\(change == .stale ? "removed" : "wrote") \(path)\n")
            }
        } else if names.isEmpty {
            tell(TextTable.write([["NAME", "FILE", "WHAT"]] + all.map { [$0.name, Self.place($0), $0.summary] }))
        } else {
            tell(TerminalText(stringLiteral: try Self.printed(documents, folder)))
        }
    }

    private static func document(_ name: String, among all: [ProgramDocument]) throws -> ProgramDocument {
        guard let document = all.first(where: { $0.name == name }) else {
            throw ValidationError("no document is called \(name)\(Suggestion.text(for: name, among: all.map(\.name)))")
        }
        return document
    }

    private static func verdict(_ change: DocumentFolder.Change) -> String {
        switch change {
        case .new: "isn't there"
        case .changed: "differs"
        case .stale: "is of a service that is gone"
        }
    }

    private static func place(_ document: ProgramDocument) -> String {
        document.folder.map { $0 + "/" } ?? document.files.map(\.path).joined(separator: ", ")
    }

    /// Several files as the documents of one stream. What kustomize alone reads is no manifest and left out.
    private static func printed(_ documents: [ProgramDocument], _ folder: DocumentFolder) throws -> String {
        let files = documents.flatMap { document in
            document.files.filter { document.files.count == 1 || !$0.path.hasSuffix("kustomization.yaml") }
        }
        return try YAMLText.documents(files.map { try folder.text(of: $0) })
    }
}
