/// The registry that gives schemas their ids.
package struct SchemaSettings: Sendable {
    /// Nil where the ids are our own.
    package var registryURL: String?
    package var registryUser: String?
    package var registryPassword: String?
    /// A file with the certificates of those who may have signed the registry's; nil is the system's.
    package var registryCA: String?
    package var registryTimeout: Duration = .seconds(5)
}

extension SettingTable {
    static let schemas = [
        SettingKey(
            "schemas.registry_url", \.schemas.registryURL,
            optional: .url("http", "https", example: "https://registry.example:8081"),
            """
            A schema registry that speaks Confluent's REST API, where Protocol Buffers or Avro are sent: it gives schemas \
            the ids that records name them by. They are registered as a daemon starts, and kept in its database: a \
            registry that is away holds up nobody who knows an id. Empty gives ids of our own, which follow from the \
            schemas (`orderflow schemas export`) and are the same everywhere.
            """),
        SettingKey(
            "schemas.registry_user", \.schemas.registryUser, optional: .text,
            "Who we are to the registry (HTTP basic authentication); empty says nothing."),
        SettingKey(
            "schemas.registry_password", \.schemas.registryPassword, optional: .text, password: true,
            "The user's password. Not taken from the command line."),
        SettingKey(
            "schemas.registry_ca", \.schemas.registryCA, optional: .path,
            "A PEM file with the certificates that the registry's is checked by; empty is the system's."),
        SettingKey(
            "schemas.registry_timeout", \.schemas.registryTimeout, .duration(.milliseconds(100) ... .seconds(60)),
            "For one answer of the registry."),
    ]
}
