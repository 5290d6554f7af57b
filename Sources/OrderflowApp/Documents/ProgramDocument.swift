import OrderflowKit
import Query

/// What follows from the list of services and is kept in files: settings, containers, scraping, alerts, topics,
/// manifests.
struct ProgramDocument: Sendable {
    /// What `orderflow docs` calls it.
    let name: String
    let summary: String
    let files: [File]
    /// Holds nothing but generated files; one that is no longer among `files` is stale. Nil for documents whose files
    /// lie beside others.
    var folder: String?

    /// One file, by its path under the folder that all are written to.
    struct File: Sendable {
        let path: String
        let content: Content
    }

    enum Content: Sendable {
        case whole(String)
        /// Parts of a file that is otherwise written by hand.
        case regions(MarkedRegions)
    }

    /// Everything that the program's services make necessary.
    static func all(_ services: ServiceCatalogue) -> [ProgramDocument] {
        [
            ProgramDocument(
                name: "settings", summary: "every setting with its default",
                files: [File(path: SettingsFile.defaultPath, content: .whole(SettingsReference(services).yaml))]),
            ProgramDocument(
                name: "compose", summary: "a container a role",
                files: [File(path: "docker-compose.yml", content: .regions(ComposeDocument(services).regions))]),
            ProgramDocument(
                name: "prometheus", summary: "what is scraped",
                files: [File(path: "config/prometheus.yml", content: .whole(PrometheusDocument(services).text))]),
            ProgramDocument(
                name: "alerts", summary: "what a person should look at",
                files: [File(path: "config/alerts.yml", content: .whole(AlertsDocument(services).text))]),
            ProgramDocument(
                name: "asyncapi", summary: "who consumes which topic",
                files: [File(path: "docs/asyncapi.yaml", content: .regions(AsyncAPIDocument(services).regions))]),
            ProgramDocument(
                name: "schemas", summary: "what facts and commands are in Protocol Buffers and Avro",
                files: SchemasDocument(services).files(in: SchemasDocument.folder), folder: SchemasDocument.folder),
            ProgramDocument(
                name: "graphql", summary: "the schema of GraphQL",
                files: [File(path: "docs/schema.graphql", content: .whole(notice("graphql") + "\n" + ShopSchema.text))]),
            ProgramDocument(
                name: "kubernetes", summary: "manifests, for kubectl apply -k",
                files: KubernetesDocument(services).files, folder: KubernetesDocument.folder),
        ]
    }

    /// Stands first in files that are generated whole.
    static func notice(_ name: String) -> String {
        "# Written by `orderflow docs \(name)`, from the services' modules: change those.\n"
    }
}

extension ProgramDocument.File {
    /// What the file has to say.
    ///
    /// - Parameter existing: what it says now; nil where there is none.
    func text(over existing: String?) throws(MarkedRegions.Missing) -> String {
        switch content {
        case .whole(let text): text
        case .regions(let regions): try regions.text(over: existing, in: path)
        }
    }
}
