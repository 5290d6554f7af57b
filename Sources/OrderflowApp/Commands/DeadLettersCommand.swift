import ArgumentParser
import Messaging
import OrderflowKit
import Postgres
import Terminal

struct DeadLettersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deadletters",
        abstract: "See what could not be handled, and have it handled again or given up.",
        discussion: """
            A message that a consumer group can't handle becomes a dead letter of that group, and later messages of \
            the same key are parked behind it, in order; other keys flow on. Retrying or discarding the letter \
            releases the key in order. Works on the services' databases, whether their roles run or not; what is \
            retried is handled as soon as the group's role runs.

            A letter is called by its service and number, as `list` shows it: shipping/17.

            EXAMPLES
              orderflow deadletters list
              orderflow deadletters show shipping/17
              orderflow deadletters retry shipping/17 --note 'fixed in 1.4.2'
              orderflow deadletters retry --all --group shipping-group --note 'fixed in 1.4.2'
              orderflow deadletters discard shipping/17 --note 'no order of ours'
            """,
        subcommands: [
            DeadLettersListCommand.self, DeadLettersShowCommand.self, DeadLettersRetryCommand.self,
            DeadLettersDiscardCommand.self,
        ])
}

struct DeadLettersListCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List letters that wait for a decision, the newest first.",
        discussion: """
            EXAMPLES
              orderflow deadletters list --group shipping-group
              orderflow deadletters list --topic order-events --parked
              orderflow deadletters list --ended --limit 1000 --json
            """)

    @Flag(help: "Also what is parked behind them.") var parked = false
    @Flag(help: "Also those that were handled in the end, or discarded.") var ended = false
    @Option(help: "At most so many of each service.") var limit = 100
    @OptionGroup var scope: DeadLettersScope
    @OptionGroup var options: SettingsOptions

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit takes a number from 1") }
    }

    func execute() async throws {
        var filter = scope.filter
        filter.includesParked = parked
        filter.includesEnded = ended
        let limit = limit
        let settings = try options.load().settings
        Observability.start(settings.log)
        let letters = try await scope.letters(settings) { [filter] connection in
            try DeadLetterQueue.list(filter, limit: limit, on: connection)
        }
        tell(scope.json ? letters.map(DeadLettersText.json).joined() : DeadLettersText.table(letters))
    }
}

struct DeadLettersShowCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one letter with its headers and its value.",
        discussion: """
            EXAMPLES
              orderflow deadletters show shipping/17
              orderflow deadletters show shipping/17 --json | jq -r .value
            """)

    @Argument(help: "The letter.") var letter: RowName
    @Flag(help: "One JSON object.") var json = false
    @OptionGroup var options: SettingsOptions

    func execute() async throws {
        let settings = try options.load().settings
        Observability.start(settings.log)
        let letter = letter
        let entry = try await settings.withConnection(to: letter.database, named: DeadLettersScope.name) {
            try DeadLetterQueue.show(letter.number, on: $0)
        }
        let shown = NamedLetter(name: letter, entry: entry)
        tell(json ? DeadLettersText.json(shown) : DeadLettersText.page(shown))
    }
}

struct DeadLettersRetryCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Have letters handled again, and what is parked behind them after them.",
        discussion: """
            A running consumer of the group does so at once, or within five seconds where it was just reconnecting. A \
            letter that fails again stays where it is, with its new error, and everything behind it too. --all goes \
            through what waits now, some hundreds in a transaction; after Ctrl-C the same command goes on.

            EXAMPLES
              orderflow deadletters retry shipping/17 shipping/18 --note 'fixed in 1.4.2'
              orderflow deadletters retry --all --group shipping-group --note 'fixed in 1.4.2'
            """)

    @OptionGroup var choice: DeadLettersChoice

    func execute() async throws {
        try await choice.decide(.retry, "asked for again")
    }
}

struct DeadLettersDiscardCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "discard",
        abstract: "Give letters up for good, and release what is parked behind them.",
        discussion: """
            The letter stays in the database, as discarded, with who and why. --all goes through what waits now, some \
            hundreds in a transaction; after Ctrl-C the same command goes on. What is released behind a discarded letter \
            is handled by the group's role; what fails there is a letter of its own.

            EXAMPLES
              orderflow deadletters discard shipping/17 --note 'no order of ours'
              orderflow deadletters discard --all --topic order-events --note 'a broken producer, 2026-03-01'
            """)

    @OptionGroup var choice: DeadLettersChoice

    func execute() async throws {
        try await choice.decide(.discard, "discarded")
    }
}
