import ArgumentParser
import Execution
import Glibc
import Logging
import OrderflowKit

struct LogsCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Show an order's log lines over all services, in the order of their times.",
        discussion: """
            Reads the topic to which daemons ship their log lines where log.ship_level says so (topics.logs). \
            --correlation, --order and --trace look as far back as the topic goes; without one of them, 15 minutes. \
            --trace takes a trace id or a whole traceparent, as in the answer of GET /orders/{id}/events.

            EXAMPLES
              orderflow logs --order 0199f3c2-7d1e-7c3a-9a55-0d5f0c6c2b11
              orderflow logs --correlation checkout-17 --json | jq .message
              orderflow logs --level warning --since 2h
              orderflow logs --role payment --follow
            """)

    @Option(help: ArgumentHelp("Lines of one request and all that it caused.", valueName: "id"))
    var correlation: String?

    @Option(help: ArgumentHelp("Lines about one order.", valueName: "id"))
    var order: String?

    @Option(help: ArgumentHelp("Lines of one trace.", valueName: "id"))
    var trace: String?

    @Option(help: "Lines of one role.")
    var role: String?

    @Option(help: ArgumentHelp("This serious or more: trace, debug, info, notice, …", valueName: "level"))
    var level: String?

    @Option(help: ArgumentHelp("A time such as 2026-01-31T00:00:00Z or, for how long ago, 15m.", valueName: "time"))
    var since: String?

    @Flag(help: "Go on with what is logged from now on.")
    var follow = false

    @Flag(help: "The lines as they were shipped: one JSON object each.")
    var json = false

    @OptionGroup var options: SettingsOptions

    func validate() throws {
        _ = try filter()
        _ = try start()
    }

    func execute() async throws {
        let settings = try options.load().settings
        Observability.start(settings.log)
        // A reader that goes away is an error of that write.
        signal(SIGPIPE, SIG_IGN)
        let (filter, since, follow, json) = (try filter(), try start(), follow, json)
        try await DedicatedThread.run("logs") {
            var search = LogSearch(
                filter: filter, since: since, follow: follow, asJSON: json, topic: settings.topics.names.logs,
                kafka: settings.kafka.configuration, logger: Logger(label: "logs"))
            try search.run()
        }
    }

    private func filter() throws -> LogFilter {
        var filter = LogFilter(correlation: correlation, order: order, role: role)
        for (option, id) in [("--correlation", correlation), ("--order", order)] {
            if let id, id.isEmpty || !id.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) {
                throw ValidationError("\(option) takes an id")
            }
        }
        if let trace {
            let parts = trace.split(separator: "-")
            let id = parts.count == 4 ? String(parts[1]) : trace
            guard id.count == 32, id.allSatisfy({ $0.isHexDigit && !$0.isUppercase }) else {
                throw ValidationError("--trace takes 32 hexadecimal digits in lower case, or a traceparent")
            }
            filter.trace = id
        }
        if let role, OrderflowApp.services[role] == nil {
            throw ValidationError(
                "there is no role \(role); there are \(OrderflowApp.services.names.joined(separator: ", "))")
        }
        if let level {
            guard let known = Logger.Level(rawValue: level) else {
                throw ValidationError(
                    "--level takes one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            filter.level = known
        }
        return filter
    }

    private func start() throws -> Int64? {
        if let since { return try TimeArgument.microseconds(since, option: "--since") }
        let namesOne = correlation != nil || order != nil || trace != nil
        return namesOne ? nil : WallClock.nowMicroseconds() - 15 * 60 * 1_000_000
    }
}
