import ArgumentParser
import Execution
import JSON
import Logging
import Messaging
import OrderflowKit
import Payment
import Terminal

struct TokenKeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token-keys",
        abstract: "Rotate the key that payment tokens are sealed for.",
        discussion: """
            The API seals each payment token for payment, with the newest of payment's keys; each older one opens what it \
            was used for. `orderflow migrate` makes the first. A new one seals within a minute, without a restart. An old \
            one is needed until the last order with a token of it has ended.

            EXAMPLES
              orderflow token-keys list
              orderflow token-keys rotate --note 'yearly'
              orderflow token-keys drop                  the old ones that no order needs
            """,
        subcommands: [TokenKeysListCommand.self, TokenKeysRotateCommand.self, TokenKeysDropCommand.self])

    static func withKeys<Value: Sendable>(
        _ options: SettingsOptions, _ body: @escaping @Sendable (TokenKeyProvisioner) throws -> Value
    ) async throws -> Value {
        let settings = try options.load().settings
        Observability.start(settings.log)
        let keys = TokenKeyProvisioner(settings: settings, logger: Logger(label: "token-keys"))
        return try await DedicatedThread.run("token-keys") {
            guard keys.isNeeded else { throw NoKeys() }
            return try body(keys)
        }
    }

    private struct NoKeys: Error, CustomStringConvertible {
        let description = "this program has no services orders and payment, and so no keys between them"
    }
}

struct TokenKeysListCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Show the keys, and how many tokens each has to open yet.",
        discussion: """
            Never a private half.

            EXAMPLES
              orderflow token-keys list
            """)

    @OptionGroup var options: SettingsOptions

    func execute() async throws {
        tell(Self.text(try await TokenKeysCommand.withKeys(options) { try $0.list() }))
    }

    static func text(_ keys: [TokenKeys.Listed]) -> TerminalText {
        TextTable.write(
            [["KEY", "MADE", "SEALS UNTIL", "TOKENS"]]
                + keys.map { key in
                    [
                        key.name, RFC3339.text(key.madeAt), key.supersededAt.map { RFC3339.text($0) } ?? "now",
                        "\(key.tokens)",
                    ]
                })
    }
}

struct TokenKeysRotateCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Make a new key, which seals from now on.",
        discussion: """
            Its private half never leaves payment's database. Processes of the API look for it once a minute. Orders with \
            tokens of older keys go on undisturbed.

            EXAMPLES
              orderflow token-keys rotate --note 'yearly'
            """)

    @OptionGroup var operatorName: OperatorName
    @OptionGroup var why: OperatorNote
    @OptionGroup var options: SettingsOptions

    func execute() async throws {
        let (actor, note) = (operatorName.actor, why.note)
        let name = try await TokenKeysCommand.withKeys(options) { try $0.rotate(by: actor, note: note) }
        tell("\(TerminalText(stringLiteral: name)) seals within a minute\n")
    }
}

struct TokenKeysDropCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "drop",
        abstract: "Drop old keys that no order needs any more.",
        discussion: """
            Those that have sealed nothing for a day, and of whose tokens none is left. It can't be undone: a backup of an \
            order from before may need one.

            EXAMPLES
              orderflow token-keys drop
            """)

    @OptionGroup var operatorName: OperatorName
    @OptionGroup var why: OperatorNote
    @OptionGroup var options: SettingsOptions

    func execute() async throws {
        let (actor, note) = (operatorName.actor, why.note)
        let dropped = try await TokenKeysCommand.withKeys(options) { try $0.drop(by: actor, note: note) }
        for key in dropped { tell("dropped \(TerminalText(stringLiteral: key.name))\n") }
        if dropped.isEmpty { warn("there is none to drop") }
    }
}
