import ArgumentParser
import Testing

@testable import OrderflowApp
@testable import OrderflowKit

/// Every subcommand teaches by example.
@Suite struct HelpTests {
    /// Those that do something, with what they are called.
    private func leaves(_ command: any ParsableCommand.Type, _ path: [String]) -> [(String, any ParsableCommand.Type)] {
        let configuration = command.configuration
        let children = configuration.subcommands + configuration.groupedSubcommands.flatMap(\.subcommands)
        guard !children.isEmpty else { return [(path.joined(separator: " "), command)] }
        return children.flatMap { leaves($0, path + [$0.configuration.commandName ?? $0._commandName]) }
    }

    @Test func everyCommandHasExamplesThatCallIt() throws {
        let leaves = leaves(Orderflow.self, ["orderflow"])
        #expect(leaves.count > 25)
        for (name, command) in leaves {
            let help = command.helpMessage(columns: 120)
            let parts = help.components(separatedBy: "EXAMPLES\n")
            #expect(parts.count == 2, "\(name) --help has no examples")
            #expect(parts.last?.contains(name) == true, "\(name) --help shows how something else is called")
            #expect(!command.configuration.abstract.isEmpty, "\(name)")
        }
    }
}
