import ArgumentParser
import Messaging
import OrderflowKit

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure how many orders a second this machine takes.",
        discussion: """
            Results depend on what else the machine does: compare two only if they were taken in one run, one after \
            the other, several times. docs/performance.md says how we measure, and what bounds each number.

            EXAMPLES
              orderflow bench orders --connections 64       orders a second, against the API on http.port
              orderflow bench orders --rate 1000            latencies at a fixed rate
              orderflow bench batch                         the same by batches, beside single orders in turns
              orderflow bench http                          the HTTP server alone, without storage
              orderflow bench producer --records 1000000    librdkafka's producer alone, to measure a relay by
              orderflow bench groups                        records a second of the consumer groups, as they catch up
              orderflow bench express                       what a backlog makes of express orders' time
              orderflow bench micro                         parsing, encoding, a saga step, a fold: in this process
            """,
        subcommands: [
            BenchOrdersCommand.self, BenchBatchCommand.self, BenchHTTPCommand.self, BenchProducerCommand.self,
            BenchGroupsCommand.self, BenchExpressCommand.self, BenchMicroCommand.self,
        ],
        defaultSubcommand: BenchOrdersCommand.self)
}

/// What load to make.
struct LoadOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "Keep-alive connections, one request in flight on each.")
    var connections = 64

    @Option(
        help: ArgumentHelp(
            "How long to measure (default: 10s; with --orders, until all are posted).", valueName: "duration"))
    var duration: String?

    @Option(help: ArgumentHelp("Run so long before measuring.", valueName: "duration"))
    var warmUp = "2s"

    @Option(
        help: ArgumentHelp(
            "Requests a second, however slow the answers are, timed from when each was due; without it each "
                + "connection sends its next request when it has its answer.", valueName: "number"))
    var rate: Double?

    @Option(help: ArgumentHelp("Stop after so many requests, all of them measured.", valueName: "number"))
    var orders: Int?

    @Option(help: ArgumentHelp("Post for this tenant: in open mode, or with a key for any.", valueName: "name"))
    var tenant: String?

    func validate() throws {
        guard tenant.map(TenantName.isValid) ?? true else {
            throw ValidationError("--tenant takes 1 to \(TenantName.limit) letters, digits and . _ -")
        }
        guard (1...100_000).contains(connections) else { throw ValidationError("--connections takes 1 to 100000") }
        guard rate.map({ $0 > 0 && $0 <= 1e6 }) ?? true else { throw ValidationError("--rate takes 1 to 1000000") }
        guard orders.map({ $0 > 0 }) ?? true else { throw ValidationError("--orders takes a number from 1") }
        for (name, text) in [("--duration", duration ?? "10s"), ("--warm-up", warmUp)]
        where DurationText.parse(text) == nil {
            throw ValidationError("\(name) takes a duration such as 30s, not \(text)")
        }
    }
}
