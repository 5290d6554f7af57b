import ArgumentParser
import Execution
import Hashing
import JSON
import Messaging
import OrderflowKit
import Postgres
import Terminal

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Make, list and revoke API keys.",
        discussion: """
            An API key lets a machine in where auth.mode is required: it is sent as Authorization: Bearer of_…, and stands \
            for a tenant and the scopes that it was made with. Only its SHA-256 is kept, in the database \
            access.database.url; every role knows a new key, and no longer a revoked one, within five seconds.

            Scopes: \(APIKey.rights.map(\.rawValue).joined(separator: ", ")). `operate` is the dashboard, what waits for \
            a person, sagas and metrics; `tenants:any` lets X-Tenant-Id name the tenant.

            EXAMPLES
              orderflow keys create --name checkout --tenant acme --scope orders:write --expires 90d
              orderflow keys list
              orderflow keys revoke checkout
            """,
        subcommands: [KeysCreateCommand.self, KeysListCommand.self, KeysRevokeCommand.self])

    static func withDatabase<Value: Sendable>(
        _ options: SettingsOptions, _ body: @escaping @Sendable (Connection) throws -> Value
    ) async throws -> Value {
        try await options.withDatabase(of: .access, as: .owner, named: "keys", body)
    }
}

struct KeysCreateCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a key and print it, once.",
        discussion: """
            The key alone goes to stdout, what to do with it to stderr. Nobody can show it again: who has lost it revokes \
            it and makes another.

            EXAMPLES
              orderflow keys create --name checkout --tenant acme --scope orders:write --expires 90d
              orderflow keys create --name reports --tenant acme --scope orders:read,reports:read
              orderflow keys create --name prometheus --scope operate --expires never
              KEY=$(orderflow keys create --name me --tenant default --scope orders:write,orders:read)
              curl -H "Authorization: Bearer $KEY" http://localhost:3000/orders
            """)

    @Option(help: "What it is called, in lists and as key:<name> in the history of what it does.") var name: String
    @Option(help: "Whose data it works on; default \(TenantName.standard).") var tenant: String?
    @Option(help: ArgumentHelp("A right; several by commas or by several options.", valueName: "scope"))
    var scope: [String]
    @Option(help: ArgumentHelp("How long it is good for, such as 90d, or never.", valueName: "duration"))
    var expires = "90d"
    @Flag(help: "One JSON object instead, with the key in it.") var json = false
    @OptionGroup var operatorName: OperatorName
    @OptionGroup var options: SettingsOptions

    func validate() throws {
        guard APIKey.isName(name) else {
            throw ValidationError("--name must have 1 to \(APIKey.nameLimit) letters, digits and . _ - of ASCII")
        }
        try TenantArgument.check(tenant)
        _ = try rights()
        _ = try lifetime()
    }

    private func rights() throws -> Rights {
        let names = scope.flatMap { $0.split { $0 == "," || $0 == " " }.map(String.init) }
        let rights = try names.map { name in
            guard let right = Right(rawValue: name), APIKey.rights.contains(right) else {
                let known = APIKey.rights.map(\.rawValue)
                throw ValidationError(
                    "there is no scope \(name) for keys\(Suggestion.text(for: name, among: known)); there are "
                        + known.joined(separator: ", "))
            }
            return right
        }
        guard !rights.isEmpty else { throw ValidationError("--scope names no right") }
        return Rights(rights)
    }

    /// Seconds; nil for ever.
    private func lifetime() throws -> Int64? {
        if expires == "never" { return nil }
        guard let duration = DurationText.parse(expires), duration >= .seconds(1),
            duration <= .seconds(Self.longestLifetime)
        else { throw ValidationError("--expires takes a duration from 1s to 3650d, such as 90d, or never") }
        return duration.components.seconds
    }

    private static let longestLifetime: Int64 = 3650 * 86_400

    func execute() async throws {
        let key = APIKey.generate()
        let (name, rights, lifetime) = (name, try rights(), try lifetime())
        // Who may act for any tenant belongs to none, unless it is said.
        let tenant = tenant ?? (rights.contains(.tenantsAny) ? nil : TenantName.standard)
        let hash = Fingerprint(of: key)
        let by = operatorName.actor
        try await KeysCommand.withDatabase(options) {
            try APIKeyStore.create(
                name: name, tenant: tenant, rights: rights, hash: hash, lifetime: lifetime, by: by, on: $0)
        }
        guard !json else {
            var writer = JSONWriter()
            writer.object {
                $0.field("name", name)
                $0.field("tenant", tenant)
                $0.field("scopes", rights.scopes.joined(separator: " "))
                $0.field("key", key)
            }
            return tell(TerminalText(json: writer.bytes))
        }
        warn(
            """
            key:\(name) for \(tenant.map { "tenant \($0)" } ?? "any tenant"), \(rights.scopes.joined(separator: " ")), \
            \(expires == "never" ? "without end" : "for \(expires)"); send it as Authorization: Bearer. It isn't shown again.
            """)
        tell("\(key)\n")
    }
}

struct KeysListCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Show the keys in force, and when each was last used.",
        discussion: """
            The last use is noted once a minute.

            EXAMPLES
              orderflow keys list
              orderflow keys list --all                  revoked and expired ones too
              orderflow keys list --json                 one JSON object a line
            """)

    @Flag(help: "Also those that are revoked or have expired.") var all = false
    @Flag(help: "One JSON object a line.") var json = false
    @OptionGroup var options: SettingsOptions

    private static let pageSize = 1000

    func execute() async throws {
        let (all, json) = (all, json)
        try await KeysCommand.withDatabase(options) { connection in
            var cursor: Int64 = 0
            var isFirst = true
            while true {
                let page = try APIKeyStore.list(
                    includingEnded: all, after: &cursor, limit: Self.pageSize, on: connection)
                if !page.isEmpty || isFirst { tell(Self.text(page, asJSON: json, withHead: isFirst)) }
                guard page.count == Self.pageSize else { return }
                isFirst = false
            }
        }
    }

    static func text(_ keys: [APIKeyStore.Listed], asJSON: Bool, withHead: Bool = true) -> TerminalText {
        guard !asJSON else { return keys.map(Self.json).joined() }
        func time(_ microseconds: Int64?, _ missing: String) -> String {
            microseconds.map { RFC3339.text($0 - $0 % 1_000_000) } ?? missing
        }
        let head = withHead ? [["NAME", "TENANT", "SCOPES", "CREATED BY", "EXPIRES", "LAST USED", "STATE"]] : []
        return TextTable.write(
            head
                + keys.map { key in
                    [
                        key.name, key.tenant ?? "any", key.scopes.joined(separator: " "), key.createdBy,
                        time(key.expiresAt, "never"), time(key.lastUsedAt, "never"), state(key),
                    ]
                })
    }

    private static func state(_ key: APIKeyStore.Listed) -> String {
        if key.revokedAt != nil { return "revoked" }
        return key.expiresAt.map { $0 <= WallClock.nowMicroseconds() } == true ? "expired" : "in force"
    }

    private static func json(_ key: APIKeyStore.Listed) -> TerminalText {
        var json = JSONWriter()
        json.object { json in
            json.field("name", key.name)
            json.field("tenant", key.tenant)
            json.key("scopes")
            json.array { for scope in key.scopes { $0.value(scope) } }
            json.time("createdAt", key.createdAt)
            json.field("createdBy", key.createdBy)
            if let expiresAt = key.expiresAt { json.time("expiresAt", expiresAt) }
            if let revokedAt = key.revokedAt { json.time("revokedAt", revokedAt) }
            if let lastUsedAt = key.lastUsedAt { json.time("lastUsedAt", lastUsedAt) }
            json.field("state", state(key))
        }
        return TerminalText(json: json.bytes)
    }
}

struct KeysRevokeCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Let a key in no more, from at most five seconds on.",
        discussion: """
            It can't be undone: a new key is made instead, also under the same name. A role that can't reach the database \
            of the keys goes on with what it knows, and says so at /readyz. Exit code 1 where no key of that name is in \
            force.

            EXAMPLES
              orderflow keys revoke checkout
            """)

    @Argument(help: "What it is called.") var name: String
    @OptionGroup var operatorName: OperatorName
    @OptionGroup var options: SettingsOptions

    private struct NoSuchKey: Error, CustomStringConvertible {
        let name: String
        var description: String { "no key \(name) is in force; orderflow keys list shows those that are" }
    }

    func execute() async throws {
        let (name, by) = (name, operatorName.actor)
        let wasThere = try await KeysCommand.withDatabase(options) {
            try APIKeyStore.revoke(name: name, by: by, on: $0)
        }
        guard wasThere else { throw NoSuchKey(name: name) }
        tell("revoked \(name)\n")
    }
}
