import ArgumentParser
import Fulfilment
import JSON
import Messaging
import Operations
import OrderflowKit
import Orders
import Postgres
import Terminal

struct SagasCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sagas",
        abstract: "Show where orders stand, and help those that can't go on.",
        discussion: """
            Works on the database of the saga (saga.database.url), whether the role runs or not; commands go out as \
            soon as it does. Every retry and resolution stays in the order's history, with who and why.

            EXAMPLES
              orderflow sagas list --attention
              orderflow sagas show 018f3c1e-7d5a-7000-8000-000000000001
              orderflow sagas retry 018f3c1e-7d5a-7000-8000-000000000001 --note 'the gateway is back'
              orderflow sagas resolve 018f3c1e-7d5a-7000-8000-000000000001 --step payment --note 'refunded by hand'
            """,
        subcommands: [
            SagasListCommand.self, SagasShowCommand.self, SagasCheckCommand.self, SagasRetryCommand.self,
            SagasResolveCommand.self,
        ])
}

struct SagasListCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List orders, the newest first.",
        discussion: """
            --attention also looks into the services' dead letters: an order under way that waits for a group which \
            can't handle one of its messages is listed with the letter's number.

            EXAMPLES
              orderflow sagas list --status compensating
              orderflow sagas list --attention --limit 1000 --json
            """)

    @Option(help: "awaiting-start, running, compensating, completed or compensated.") var status: String?
    @Flag(help: "Only those that need a person.") var attention = false
    @Option(help: "At most so many.") var limit = 50
    @OptionGroup var sagas: SagasOptions
    @OptionGroup var options: SettingsOptions

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit takes a number from 1") }
        if let status, SagaInstance.Status(rawValue: status) == nil {
            let known = SagaInstance.Status.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--status takes one of \(known)")
        }
    }

    func execute() async throws {
        let filter = SagaOperator.Filter(
            tenant: sagas.tenant, status: status.flatMap { SagaInstance.Status(rawValue: $0) },
            attention: attention ? true : nil)
        let limit = limit
        let found = try await sagas.withOperator(options) { sagaOperator, connection in
            try sagaOperator.list(filter, limit: limit, on: connection)
        }
        let held = attention ? try await sagas.held(options) : HeldSagas()
        // One with both is told with its letters.
        let heldKeys = Set(held.entries.map(\.key))
        let others = found.sagas.filter { !heldKeys.contains(OrderKey(tenant: $0.key.tenant, orderID: $0.key.id)) }
        let shown = held.entries.filter { filter.status == nil || $0.saga?.instance.status == filter.status }
            .prefix(limit)
        tell(
            sagas.json
                ? others.map { SagasText.json($0, log: nil) }.joined() + SagasText.json(Array(shown))
                : SagasText.table(others, held: Array(shown)))
        let problems = found.unreadable.map { "\($0)" } + held.problems
        for problem in problems { warn("\(problem)") }
        if !problems.isEmpty { throw ExitCode(ExitStatus.failure) }
    }
}

struct SagasShowCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one order's steps and everything that happened to it.",
        discussion: """
            EXAMPLES
              orderflow sagas show 018f3c1e-7d5a-7000-8000-000000000001
            """)

    @Argument(help: "The order's id.") var orderID: String
    @OptionGroup var sagas: SagasOptions
    @OptionGroup var options: SettingsOptions

    func execute() async throws {
        let key = SagaKey(tenant: sagas.tenant, id: orderID)
        let found = try await sagas.withOperator(options) { try $0.showWhole(key, on: $1) }
        guard let found else { throw SagasOptions.Unknown(key: key) }
        let held = try await sagas.held(options)
        let letters = held.entries.first { $0.key.orderID == orderID }?.letters ?? []
        tell(
            sagas.json
                ? SagasText.json(found.saga, log: found.log, heldBy: letters)
                : SagasText.page(found.saga, found.log, heldBy: letters))
        for problem in held.problems { warn("\(problem)") }
    }
}

struct SagasRetryCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Ask again now for what an order waits for.",
        discussion: """
            Sends the compensation, confirmation or cancellation that is waited for once more, at once, and counts \
            its failures from zero.

            EXAMPLES
              orderflow sagas retry 018f3c1e-7d5a-7000-8000-000000000001 --note 'the gateway is back'
            """)

    @Argument(help: "The order's id.") var orderID: String
    @Option(help: "Why, for the history.") var note: String
    @OptionGroup var person: OperatorName
    @OptionGroup var sagas: SagasOptions
    @OptionGroup var options: SettingsOptions

    func execute() async throws {
        let key = SagaKey(tenant: sagas.tenant, id: orderID)
        let (note, actor) = (note, person.actor)
        let saga = try await sagas.withOperator(options) { try $0.retry(key, note: note, by: actor, on: $1) }
        guard let saga else { throw SagasOptions.Unknown(key: key) }
        tell(sagas.json ? SagasText.json(saga, log: nil) : SagasText.table([saga]))
    }
}

struct SagasResolveCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve",
        abstract: "Say that a step of an order was taken care of by hand.",
        discussion: """
            The order goes on as if the step had been answered. Steps are those that `orderflow sagas show` lists, and \
            abort for the cancellation at the end. Without --step: the only one that is waited for, or an anomaly that \
            has been looked into.

            EXAMPLES
              orderflow sagas resolve 018f3c1e-7d5a-7000-8000-000000000001 --step payment --note 'refunded by hand'
            """)

    /// What may be waited for without end.
    private static var steps: String {
        let names = OrderflowApp.services.lanes.filter(\.hasToSucceed).map(\.step)
        return names.joined(separator: ", ") + " or \(SagaInput.abortStep)."
    }

    @Argument(help: "The order's id.") var orderID: String
    @Option(help: ArgumentHelp(Self.steps)) var step: String?
    @Option(help: "What was done, for the history.") var note: String
    @OptionGroup var person: OperatorName
    @OptionGroup var sagas: SagasOptions
    @OptionGroup var options: SettingsOptions

    func execute() async throws {
        let key = SagaKey(tenant: sagas.tenant, id: orderID)
        let (step, note, actor) = (step, note, person.actor)
        let saga = try await sagas.withOperator(options) {
            try $0.resolve(key, step: step, note: note, by: actor, on: $1)
        }
        guard let saga else { throw SagasOptions.Unknown(key: key) }
        tell(sagas.json ? SagasText.json(saga, log: nil) : SagasText.table([saga]))
    }
}

/// What the saga commands share.
struct SagasOptions: ParsableArguments {
    @Option(help: "Whose orders.") var tenant = "default"
    @Flag(help: "One JSON object a line.") var json = false

    func withOperator<Value: Sendable>(
        _ options: SettingsOptions, _ body: @escaping @Sendable (SagaOperator, Connection) throws -> Value
    ) async throws -> Value {
        let settings = try options.load().settings
        Observability.start(settings.log)
        let sagaOperator = SagaOperator(try FulfilmentSaga.orchestrator(settings))
        return try await settings.withConnection(to: .saga, named: "sagas") { try body(sagaOperator, $0) }
    }

    /// The tenant's orders that wait behind dead letters.
    func held(_ options: SettingsOptions) async throws -> HeldSagas {
        let (settings, tenant) = (try options.load().settings, tenant)
        return try await HeldSagas.gather(settings, tenant: tenant)
    }

    struct Unknown: Error, CustomStringConvertible {
        let key: SagaKey
        var description: String { "the saga knows no order \(key.id) of tenant \(key.tenant)" }
    }
}
