import ArgumentParser
import Execution
import JSON
import Messaging
import OrderflowKit
import Postgres
import Terminal

struct ScheduleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedule",
        abstract: "See which messages wait for their time, and cancel them.",
        discussion: """
            A message that is to be delivered later waits in its sender's database, and goes out within a second of its \
            time, by the database's clock, while the sender's role runs. Until that moment it can be cancelled. Works on the \
            services' databases, whether their roles run or not.

            A message is called by its service and number, as `list` shows it: payment/17.

            EXAMPLES
              orderflow schedule list
              orderflow schedule list --service orders --due-within 1h
              orderflow schedule cancel payment/17 --note 'paid by hand'
            """,
        subcommands: [ScheduleListCommand.self, ScheduleCancelCommand.self])
}

struct ScheduleListCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List what waits, what is due first first.",
        discussion: """
            Where there is more than --limit, the last line says how to go on.

            EXAMPLES
              orderflow schedule list --tenant acme --type PlaceOrder
              orderflow schedule list --service orders --key 018f3c1e-7d5a-7000-8000-000000000001
              orderflow schedule list --service orders --limit 1000 --json
            """)

    @Option(help: "Only what this service sends.") var service: String?
    @Option(help: "Only messages of this tenant.") var tenant: String?
    @Option(help: "Only messages with this key, such as an order's id.") var key: String?
    @Option(help: "Only messages of this type.") var type: String?
    @Option(help: "Only what is due within so long, such as 10m; 0s is what is late.") var dueWithin: String?
    @Option(help: "At most so many of each service.") var limit = 100
    @Option(help: "Go on behind this place, as the last line names it; with --service.") var after: String?
    @Flag(help: "One JSON object a line.") var json = false
    @OptionGroup var options: SettingsOptions

    private var named: [String] { service.map { [$0] } ?? [] }

    func validate() throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("--limit takes a number from 1 to 10000") }
        try ServiceNames.sending.check(named)
        try TenantArgument.check(tenant)
        if let dueWithin, DurationText.parse(dueWithin) == nil {
            throw ValidationError("--due-within takes a time such as 10m")
        }
        if let after {
            guard ScheduleScope.place(after) != nil else {
                throw ValidationError("--after takes a place such as 2026-01-31T00:00:00Z/17")
            }
            guard service != nil else { throw ValidationError("--after goes with --service") }
        }
    }

    func execute() async throws {
        var filter = Schedule.Filter()
        (filter.tenant, filter.key, filter.type) = (tenant, key, type)
        let span = dueWithin.flatMap { DurationText.parse($0) }
        filter.dueBefore = span.map { WallClock.nowMicroseconds() + $0.microseconds }
        let (limit, place) = (limit, after.flatMap(ScheduleScope.place))
        let settings = try options.load().settings
        Observability.start(settings.log)
        var found: [ScheduleScope.Named] = []
        var more: [String] = []
        for database in ServiceNames.sending.databases(named) {
            let page = try await settings.withConnection(to: database, named: "schedule") { [filter] connection in
                try Schedule.page(filter, after: place, limit: limit + 1, on: connection)
            }
            let shown = page.prefix(limit)
            found += shown.map { ScheduleScope.Named(database: database, message: $0) }
            if page.count > limit, let last = shown.last {
                more.append("--service \(database.name) --after \(RFC3339.text(last.dueAt))/\(last.id)")
            }
        }
        found.sort { $0.message.place < $1.message.place }
        tell(json ? found.map(ScheduleScope.json).joined() : ScheduleScope.table(found))
        for line in more { warn("there is more: \(line)") }
    }
}

struct ScheduleCancelCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Cancel messages that wait, so that they are never delivered.",
        discussion: """
            Either the message is cancelled or it is delivered: one that isn't there any more is named, and the exit code \
            is 1. An order that waits for its time (PlaceOrder) is cancelled by POST /orders/{id}/cancel, which tells the \
            customer too; without its message it would wait for ever. Who and why is in the audit log.

            EXAMPLES
              orderflow schedule cancel payment/17 payment/18 --note 'paid by hand'
            """)

    @Argument(help: "The messages.") var messages: [RowName]
    @Option(help: "Why, for the audit log.") var note: String
    @Flag(help: "One JSON object a line.") var json = false
    @OptionGroup var person: OperatorName
    @OptionGroup var options: SettingsOptions

    func validate() throws {
        guard !messages.isEmpty else { throw ValidationError("name the messages") }
    }

    func execute() async throws {
        let (actor, note) = (person.actor, note)
        let settings = try options.load().settings
        Observability.start(settings.log)
        var missing: [RowName] = []
        for database in OrderflowApp.services.databases {
            let names = messages.filter { $0.database == database }
            guard !names.isEmpty else { continue }
            let cancelled = try await settings.withConnection(to: database, named: "schedule") { connection in
                try connection.transaction { connection in
                    let cancelled = try Schedule.cancel(names.map(\.number), on: connection)
                    try AuditLog.append(
                        cancelled.map { message in
                            AuditEntry(
                                by: actor, .scheduleCancelled, on: "\(database.name)/\(message.id)",
                                tenant: message.tenant, reason: note, detail: ScheduleScope.document(message))
                        }, on: connection)
                    return cancelled
                }
            }
            let named = cancelled.map { ScheduleScope.Named(database: database, message: $0) }
            for one in named { tell(json ? ScheduleScope.json(one) : "\(one.name) cancelled\n") }
            missing += names.filter { name in !cancelled.contains { $0.id == name.number } }
        }
        for name in missing { warn("\(name) doesn't wait: it was delivered, or cancelled before") }
        if !missing.isEmpty { throw ExitCode(ExitStatus.failure) }
    }
}
