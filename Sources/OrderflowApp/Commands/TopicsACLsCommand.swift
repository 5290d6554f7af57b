import ArgumentParser
import OrderflowKit
import Terminal

struct TopicsACLsCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "acls",
        abstract: "Print the least that each role must be allowed at the brokers.",
        discussion: """
            Commands of Kafka's own kafka-acls, for an authorizer that allows nothing by itself: of each role, of who makes \
            the topics (prepare), and of operators. They follow from the services of the program, topics.*, saga.mode and \
            log.ship_level: print them anew when one of these changes. $BROKERS and $CONFIG are yours to set. Brokers \
            before Kafka 2.8 want IdempotentWrite on the cluster for each role as well.

            EXAMPLES
              orderflow topics acls
              orderflow topics acls --principal 'CN=%s,O=shop'       by the names in clients' certificates
              BROKERS=kafka:9093 CONFIG=admin.properties bash <(orderflow topics acls)
            """)

    @Option(help: ArgumentHelp("A principal's name, with %s where the role's stands.", valueName: "name"))
    var principal = "orderflow-%s"

    @OptionGroup var options: SettingsOptions

    func validate() throws {
        guard principal.contains("%s"), !principal.contains("'") else {
            throw ValidationError("--principal takes a name with %s in it and without quotes")
        }
    }

    func execute() throws {
        let settings = try options.load().settings
        let parts = TopicAccess.all(settings, pattern: principal).map { access in
            (["# \(access.purpose)"] + access.commands).joined(separator: "\n") + "\n"
        }
        tell(TerminalText(stringLiteral: parts.joined(separator: "\n")))
    }
}
