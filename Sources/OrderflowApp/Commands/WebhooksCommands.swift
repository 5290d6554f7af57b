import ArgumentParser
import Execution
import JSON
import Messaging
import OrderflowKit
import Postgres
import Terminal
import Webhooks

/// What operators do about webhooks: subcommands of the role's command.
enum WebhooksCommands {
    static let all: [any ParsableCommand.Type] = [
        WebhooksListCommand.self, WebhooksShowCommand.self, WebhooksPauseCommand.self, WebhooksResumeCommand.self,
        WebhooksReplayCommand.self, WebhooksPingCommand.self,
    ]
}

struct WebhooksListCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List a tenant's webhooks: how they fare and what waits for them.",
        discussion: """
            DUE counts what is to be sent, up to a thousand.

            EXAMPLES
              orderflow webhooks list
              orderflow webhooks list --tenant acme --json
            """)

    @OptionGroup var webhooks: WebhooksOptions
    @OptionGroup var options: SettingsOptions

    private static let pageSize = 500

    func execute() async throws {
        let (tenant, json) = (webhooks.tenant, webhooks.json)
        try await webhooks.withDatabase(options) { connection in
            var cursor: ListCursor?
            var isFirst = true
            while true {
                let page = try EndpointStore.page(
                    tenant: tenant, after: cursor, limit: Self.pageSize, on: connection)
                if !page.isEmpty || isFirst { tell(WebhooksText.list(page, asJSON: json, withHead: isFirst)) }
                guard page.count == Self.pageSize, let last = page.last else { return }
                cursor = ListCursor(createdAt: last.createdAt, id: last.id)
                isFirst = false
            }
        }
    }
}

struct WebhooksShowCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one webhook.",
        discussion: """
            EXAMPLES
              orderflow webhooks show 018f3c1e-7d5a-7000-8000-000000000001
            """)

    @Argument(help: "The webhook's id.") var id: String
    @OptionGroup var webhooks: WebhooksOptions
    @OptionGroup var options: SettingsOptions

    func execute() async throws {
        let (id, tenant) = (id, webhooks.tenant)
        try await webhooks.tellPage(options) { connection in
            guard let found = try EndpointStore.one(id, tenant: tenant, on: connection) else {
                throw NoSuchEndpoint(id: id)
            }
            return found
        }
    }
}

struct WebhooksPauseCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Send a webhook nothing for now; what it was to be told waits.",
        discussion: """
            EXAMPLES
              orderflow webhooks pause 018f3c1e-7d5a-7000-8000-000000000001
            """)

    @Argument(help: "The webhook's id.") var id: String
    @OptionGroup var person: OperatorName
    @OptionGroup var webhooks: WebhooksOptions
    @OptionGroup var options: SettingsOptions

    func execute() async throws {
        let (id, tenant, actor) = (id, webhooks.tenant, person.actor)
        try await webhooks.tellPage(options) { try EndpointStore.pause(id, tenant: tenant, by: actor, on: $0) }
    }
}

struct WebhooksResumeCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Go on with a webhook that is paused or suspended, from where it stopped.",
        discussion: """
            What waits is sent at once, an order's facts in their order, and has all of its time for tries again.

            EXAMPLES
              orderflow webhooks resume 018f3c1e-7d5a-7000-8000-000000000001
            """)

    @Argument(help: "The webhook's id.") var id: String
    @OptionGroup var person: OperatorName
    @OptionGroup var webhooks: WebhooksOptions
    @OptionGroup var options: SettingsOptions

    func execute() async throws {
        let (id, tenant, actor) = (id, webhooks.tenant, person.actor)
        try await webhooks.tellPage(options) { try EndpointStore.resume(id, tenant: tenant, by: actor, on: $0) }
    }
}

struct WebhooksReplayCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Send a webhook once more what was kept since a time.",
        discussion: """
            Facts are kept for webhooks.keep. They come with the ids that they had, by which a receiver drops copies.

            EXAMPLES
              orderflow webhooks replay 018f3c1e-7d5a-7000-8000-000000000001 --from 2h
              orderflow webhooks replay 018f3c1e-7d5a-7000-8000-000000000001 --from 2026-01-31T00:00:00Z
              orderflow webhooks replay 018f3c1e-7d5a-7000-8000-000000000001 --from-position 1200
            """)

    @Argument(help: "The webhook's id.") var id: String
    @Option(help: "A time, or how long ago: when facts were heard.") var from: String?
    @Option(help: "The position of a delivery, as GET /webhooks/{id}/deliveries has it.") var fromPosition: Int64?
    @OptionGroup var person: OperatorName
    @OptionGroup var webhooks: WebhooksOptions
    @OptionGroup var options: SettingsOptions

    func validate() throws {
        guard (from == nil) != (fromPosition == nil) else {
            throw ValidationError("say where to begin: --from or --from-position")
        }
        if let fromPosition, fromPosition < 0 { throw ValidationError("--from-position takes a number from 0") }
        _ = try start()
    }

    private func start() throws -> EndpointStore.Start {
        if let fromPosition { return .position(fromPosition) }
        return .time(try TimeArgument.microseconds(from ?? "", option: "--from"))
    }

    func execute() async throws {
        let (id, tenant, actor, start) = (id, webhooks.tenant, person.actor, try start())
        let count = try await webhooks.withDatabase(options) {
            try EndpointStore.replay(id, tenant: tenant, from: start, by: actor, on: $0)
        }
        tell("\(count) facts are looked through, and those of its types sent again\n")
    }
}

struct WebhooksPingCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "ping",
        abstract: "Have a webhook sent a WebhookPing.",
        discussion: """
            It is signed and tried like any fact; `show` tells what came of it.

            EXAMPLES
              orderflow webhooks ping 018f3c1e-7d5a-7000-8000-000000000001
            """)

    @Argument(help: "The webhook's id.") var id: String
    @OptionGroup var webhooks: WebhooksOptions
    @OptionGroup var options: SettingsOptions

    func execute() async throws {
        let (id, tenant) = (id, webhooks.tenant)
        let sent = try await webhooks.withDatabase(options) {
            try EndpointStore.ping(id, tenant: tenant, source: "/orderflow", on: $0)
        }
        tell("webhook-id \(sent), on its way\n")
    }
}

/// What these commands share.
struct WebhooksOptions: ParsableArguments {
    @Option(help: "Whose webhooks.") var tenant = TenantName.standard
    @Flag(help: "One JSON object a line.") var json = false

    func validate() throws { try TenantArgument.check(tenant) }

    func withDatabase<Value: Sendable>(
        _ options: SettingsOptions, _ body: @escaping @Sendable (Connection) throws -> Value
    ) async throws -> Value {
        try await options.withDatabase(of: .webhooks, named: "webhooks", body)
    }

    /// Shows the webhook that `body` answers.
    func tellPage(
        _ options: SettingsOptions, _ body: @escaping @Sendable (Connection) throws -> Endpoint
    ) async throws {
        tell(WebhooksText.page(try await withDatabase(options, body), asJSON: json))
    }
}
