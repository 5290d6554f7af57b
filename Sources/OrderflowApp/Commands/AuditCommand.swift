import ArgumentParser
import Execution
import Glibc
import Logging
import Messaging
import Operations
import OrderflowKit
import Terminal

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "See what operators and keys have done, and prove that nobody has changed the record of it.",
        discussion: """
            Stock levels set, dead letters retried and discarded, orders retried and resolved, groups reset, read models \
            exchanged, keys created and revoked, and rights refused are kept in the database where they happened: who, \
            when, for which tenant, what, why and from where. The logs are append-only, and each record has the hash of \
            the one before it in its own: `orderflow status --verify` finds what was changed, taken away or put in.

            EXAMPLES
              orderflow audit list
              orderflow audit list --act deadletters --since 24h
              orderflow audit export --since 2026-01-01T00:00:00Z > audit-2026.jsonl
              orderflow audit heads --json > heads.jsonl
              orderflow audit heads --against heads.jsonl
            """,
        subcommands: [AuditListCommand.self, AuditExportCommand.self, AuditHeadsCommand.self])
}

struct AuditListCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List what was done, the newest first.",
        discussion: """
            TIMES are RFC 3339, as 2026-01-31T00:00:00Z, or how long ago, as 15m or 2h.

            EXAMPLES
              orderflow audit list --limit 200
              orderflow audit list --who key:checkout --since 1h
              orderflow audit list --act stock.set --tenant acme --json
            """)

    @Option(help: "At most so many.") var limit = 50
    @Flag(help: "One JSON object a line.") var json = false
    @OptionGroup var scope: AuditScope
    @OptionGroup var options: SettingsOptions

    func validate() throws {
        guard (1...100_000).contains(limit) else { throw ValidationError("--limit takes a number from 1 to 100000") }
    }

    func execute() async throws {
        let (filter, limit) = (try scope.filter(), limit)
        let entries = try await scope.withTrail(options) { try $0.newest(filter, limit: limit) }
        tell(json ? entries.map(AuditText.json).joined() : AuditText.table(entries))
    }
}

struct AuditExportCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write all records as JSON lines, the oldest first.",
        discussion: """
            The records of all services' databases, in the order of their times, with their hashes. Memory doesn't grow \
            with their number.

            EXAMPLES
              orderflow audit export > audit.jsonl
              orderflow audit export --service inventory --since 24h | jq -r .object | sort | uniq -c
            """)

    @OptionGroup var scope: AuditScope
    @OptionGroup var options: SettingsOptions

    func execute() async throws {
        // A reader that went away, as `head` does, ends it.
        signal(SIGPIPE, SIG_DFL)
        let filter = try scope.filter()
        try await scope.withTrail(options) { try $0.forEach(filter) { tell(AuditText.json($0)) } }
    }
}

struct AuditHeadsCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "heads",
        abstract: "Show where each log ends, or that it goes on from where it ended before.",
        discussion: """
            A chain proves that nothing in it was changed, but who owns a database can write a new one. Note the heads \
            now and then where no operator of the databases can write, and compare later: --against reads every log, and \
            fails for one that doesn't hold the noted record any more.

            EXAMPLES
              orderflow audit heads --json > heads.jsonl
              orderflow audit heads --against heads.jsonl
            """)

    @Option(help: ArgumentHelp("What `heads --json` wrote before.", valueName: "file")) var against: String?
    @Flag(help: "One JSON object a line.") var json = false
    @OptionGroup var service: AuditServices
    @OptionGroup var options: SettingsOptions

    func execute() async throws {
        let json = json
        let noted = try against.map { try AuditText.heads(inFile: $0) } ?? [:]
        let (heads, flaws) = try await service.withTrail(options) { trail in
            let heads = try trail.heads()
            guard !noted.isEmpty else { return (heads, 0) }
            return (heads, try trail.verify(noted: noted) { warn("\($0): audit log: \($1)") })
        }
        tell(json ? heads.map(AuditText.json).joined() : AuditText.table(heads))
        for name in noted.keys.sorted() where !heads.contains(where: { $0.service == name }) {
            warn("\(name): not asked")
        }
        if flaws > 0 { throw ExitCode(ExitStatus.failure) }
    }
}

/// Whose logs a command reads.
struct AuditServices: ParsableArguments {
    @Option(help: ArgumentHelp("Only this database; may be repeated.", valueName: "database"))
    var service: [String] = []

    func validate() throws { try ServiceNames.audited.check(service) }

    func withTrail<Value: Sendable>(
        _ options: SettingsOptions, _ body: @escaping @Sendable (AuditTrail) throws -> Value
    ) async throws -> Value {
        let settings = try options.load().settings
        Observability.start(settings.log)
        let databases = ServiceNames.audited.databases(service)
        return try await DedicatedThread.run("audit") {
            try body(AuditTrail(settings, databases, logger: Logger(label: "audit")))
        }
    }
}

/// Which records a command is about.
struct AuditScope: ParsableArguments {
    @Option(help: ArgumentHelp("Not older than this.", valueName: "time")) var since: String?
    @Option(help: ArgumentHelp("Older than this.", valueName: "time")) var until: String?
    @Option(help: ArgumentHelp("By this account, subject or key.", valueName: "name")) var who: String?
    @Option(help: ArgumentHelp("Such acts: stock.set, or stock for all of its kind.", valueName: "act"))
    var act: String?
    @Option(help: "About this tenant.") var tenant: String?
    @OptionGroup var services: AuditServices

    func validate() throws { _ = try filter() }

    func filter() throws -> AuditLog.Filter {
        var filter = AuditLog.Filter()
        filter.since = try since.map { try TimeArgument.microseconds($0, option: "--since") }
        filter.until = try until.map { try TimeArgument.microseconds($0, option: "--until") }
        filter.actor = who
        filter.act = act
        filter.tenant = tenant
        return filter
    }

    func withTrail<Value: Sendable>(
        _ options: SettingsOptions, _ body: @escaping @Sendable (AuditTrail) throws -> Value
    ) async throws -> Value {
        try await services.withTrail(options, body)
    }
}
