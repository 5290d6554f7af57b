/// As whom a process reaches a service's database.
package enum DatabaseAccess: Sendable, CaseIterable {
    /// Owns the tables and may change them: migrations and rebuilds.
    case owner
    /// Reads and writes the rows of all tenants and owns nothing: consumers, relays, operators' commands.
    case daemon
    /// Answers a request: sees rows of one tenant, and none before it is told of which.
    case requests
}

extension ServiceDatabase {
    /// The role that `migrate` makes for it.
    package func role(for access: DatabaseAccess) -> String {
        switch access {
        case .owner: nameOnServer
        case .daemon: nameOnServer + "_daemon"
        case .requests: nameOnServer + "_requests"
        }
    }

    /// The setting of a session that row policies compare tenants with.
    package static let tenantVariable = "orderflow.tenant"
}
