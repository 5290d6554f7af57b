/// Which `ORDERFLOW_…` variables are settings.
package enum SettingsEnvironment {
    /// Read by something else than the table.
    package static let configFile = "ORDERFLOW_CONFIG"
    package static let supervisorDescriptor = "ORDERFLOW_SUPERVISOR_FD"
    /// The flags of the supervisor, as JSON: a variable for each couldn't say that a setting is to be empty.
    package static let flags = "ORDERFLOW_FLAGS"
    /// The API key or token that a command sends, so that it stands in no list of processes.
    package static let token = "ORDERFLOW_TOKEN"

    private static let reserved: Set = [configFile, supervisorDescriptor, flags, token, "ORDERFLOW_DEV_BROKER"]
    private static let reservedPrefixes = ["ORDERFLOW_TEST_", "ORDERFLOW_SCRIPT_"]

    /// The variables that set something, by the name of what they set. An empty one sets nothing, so that
    /// `ORDERFLOW_SMTP_URL=${SMTP_URL:-}` in a compose file means what it looks like.
    package static func settings(
        in environment: [String: String], of table: SettingTable
    ) throws(SettingsError) -> [String: String] {
        var found: [String: String] = [:]
        var problems: [String] = []
        for (name, text) in environment.sorted(by: { $0.key < $1.key })
        where name.hasPrefix(SettingKey.environmentPrefix) {
            if reserved.contains(name) || reservedPrefixes.contains(where: name.hasPrefix) { continue }
            if isServiceLink(name, text) { continue }
            if let key = table.key(inEnvironment: name) {
                if !text.isEmpty { found[key.name] = name }
            } else {
                let known = table.keys.map(\.environmentName)
                problems.append(
                    "environment: unknown variable \(name)\(Suggestion.text(for: name, among: known))")
            }
        }
        guard problems.isEmpty else { throw SettingsError(problems: problems) }
        return found
    }

    /// Kubernetes puts these into every pod beside a Service called `orderflow…`; nobody can turn that off from here.
    /// Some have the name of a setting (`ORDERFLOW_HTTP_PORT` beside a Service `orderflow-http`): the value tells.
    private static func isServiceLink(_ name: String, _ text: String) -> Bool {
        if name.hasSuffix("_PORT") { return ["tcp://", "udp://", "sctp://"].contains { text.hasPrefix($0) } }
        return name.hasSuffix("_SERVICE_HOST") || name.contains(/_SERVICE_PORT(_[A-Z0-9_]+)?$/)
            || name.contains(/_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/)
    }
}
