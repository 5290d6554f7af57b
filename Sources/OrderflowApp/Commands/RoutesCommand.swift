import ArgumentParser
import Foundation
import JSON
import Messaging
import OrderflowKit
import Terminal

struct RoutesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "routes",
        abstract: "Facts that are copied to further topics.",
        discussion: """
            A route is a line under routes in the settings. By it the relay that publishes a fact copies it to a further \
            topic, such as a partner's: each fact once, in order per key, and nothing is lost whatever is killed. A copy is \
            the same event under the same id (ce_id). Commands are never copied.

            A route begins with how it looks at the routing key, which is the tenant and the words of the type in small \
            letters, acme.order.created; a tenant's own dots are written %2E there:

              topic=PATTERN    * stands for one word, # for any number: *.order.#
              direct=KEY/KEY   one of these
              fanout           any

            Then come to=TOPIC and what narrows it further: from=TOPIC, tenant=NAME/NAME, type=NAME/NAME, \
            source=/orderflow/payment, key=ID, and members of the payload, /currency=EUR/CHF. All have to hold. tenant= is \
            what keeps a partner from another tenant's facts. `orderflow topics create` makes the topics; where one is \
            missing, the facts wait with their copies.

            EXAMPLES
              routes:
                partner-acme: "topic=acme.order.# to=partner-acme tenant=acme"
                euro: "fanout to=euro-orders type=OrderCreated/OrderConfirmed /currency=EUR"

              orderflow routes list
              orderflow replay order-events --key 0199… | orderflow routes test --event -
            """,
        subcommands: [RoutesListCommand.self, RoutesTestCommand.self])
}

struct RoutesListCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Print the routes that are configured.",
        discussion: """
            EXAMPLES
              orderflow routes list
              orderflow routes list --json | jq .to
            """)

    @OptionGroup var options: SettingsOptions

    @Flag(help: "One JSON object a line.")
    var json = false

    func execute() throws {
        let routes = try options.load().settings.routeTable().routes
        tell(json ? RoutesText.json(routes) : RoutesText.table(routes))
    }
}

struct RoutesTestCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Show which routes take an event, and where its copies go.",
        discussion: """
            Events are read as `orderflow replay` prints them, one a line; nothing is sent anywhere. Needs neither brokers \
            nor a database. The exit status is 1 for what is no event.

            EXAMPLES
              orderflow replay order-events --key 0199… | orderflow routes test --event -
              echo '{"key":"1","type":"OrderCreated","headers":{"ce_tenant":"acme"},"payload":{}}' \\
                | orderflow routes test --event -
              orderflow routes test --event event.json --set routes.try="topic=*.order.created to=try"
            """)

    @OptionGroup var options: SettingsOptions

    @Option(help: ArgumentHelp("A file of events as replay prints them; - is stdin.", valueName: "file"))
    var event: String

    @Option(help: ArgumentHelp("Where the event is published; default is the topic of its type.", valueName: "topic"))
    var topic: String?

    @Flag(help: "One JSON object an event.")
    var json = false

    func execute() throws {
        let settings = try options.load().settings
        let table = try settings.routeTable()
        if let topic {
            let known = settings.services.topics.map { settings.topics.names[$0] }
            guard known.contains(topic) else {
                throw ValidationError("--topic: there is no topic \(topic); there are \(known.joined(separator: ", "))")
            }
        }
        let input = event == "-" ? FileHandle.standardInput : try open(event)
        var lines = EventLines(input)
        var number = 0
        while let line = try lines.next() {
            number += 1
            let fact: RoutedFact
            do {
                fact = try EventLine.fact(line, topic: topic, settings)
            } catch {
                throw ValidationError("\(event == "-" ? "stdin" : event):\(number): \(error)")
            }
            tell(json ? RoutesText.json(fact, table) : RoutesText.explain(fact, table))
        }
        guard number > 0 else { throw ValidationError("\(event == "-" ? "stdin" : event): there is no event in it") }
    }

    private func open(_ path: String) throws -> FileHandle {
        guard let file = FileHandle(forReadingAtPath: path) else { throw ValidationError("\(path) can't be read") }
        return file
    }
}
