import ArgumentParser
import Bench
import Execution
import Foundation
import JSON
import OrderflowKit
import Terminal

struct BenchBatchCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "batch",
        abstract: "Post batches of orders to a running API, and single orders beside them in turns.",
        discussion: """
            Each round posts single orders for the duration (POST /orders), then batches (POST /orders/batch, JSON \
            lines), and compares. Orders are the same in both. Nobody else may post orders meanwhile.

            EXAMPLES
              orderflow bench batch
              orderflow bench batch --rounds 5 --duration 10s --batches 2 --lines 10000
              orderflow bench batch --key-file var/bench.key                   where auth.mode is required
              orderflow bench batch --process postgres=$(cat var/postgres.pid)
            """)

    @Option(help: ArgumentHelp("Times that both are measured.", valueName: "number"))
    var rounds = 3

    @Option(help: ArgumentHelp("How long to measure each, each time.", valueName: "duration"))
    var duration = "10s"

    @Option(help: ArgumentHelp("Connections for single orders.", valueName: "number"))
    var connections = 64

    @Option(help: ArgumentHelp("Batches at once.", valueName: "number"))
    var batches = 4

    @Option(help: ArgumentHelp("Orders of a batch, 1 to 10000.", valueName: "number"))
    var lines = 10_000

    @Option(help: ArgumentHelp("The API; default: http.host and http.port.", valueName: "url"))
    var url: String?

    @Option(help: ArgumentHelp("A file with the API key or token to send.", valueName: "path"))
    var keyFile: String?

    @OptionGroup var servers: ServerOptions

    @Flag(help: "One JSON object.")
    var json = false

    @OptionGroup var options: SettingsOptions

    func validate() throws {
        guard (1...10_000).contains(lines) else { throw ValidationError("--lines takes 1 to 10000") }
        guard (1...64).contains(batches) else { throw ValidationError("--batches takes 1 to 64") }
        guard (1...100).contains(rounds) else { throw ValidationError("--rounds takes 1 to 100") }
        guard (1...10_000).contains(connections) else { throw ValidationError("--connections takes 1 to 10000") }
        guard DurationText.parse(duration).map({ $0 > .zero }) == true else {
            throw ValidationError("--duration takes a time such as 10s")
        }
    }

    /// One of the two, in one round.
    private struct Run: Sendable {
        var perSecond = 0.0
        var created = 0
        var errors = 0
        var costs: [RoleUsage.Cost] = []

        /// CPU seconds of the processes measured, per 10 000 orders.
        var cpu: Double {
            created > 0
                ? costs.filter { $0.name != "bench" }.map(\.cpuSeconds).reduce(0, +) * 10_000 / Double(created) : 0
        }
        var api: RoleUsage.Cost? { costs.first { $0.name == "api" } }
    }

    func execute() async throws {
        let settings = try options.load().settings
        Observability.start(settings.log)
        let target = try BenchTarget(url ?? "http://\(settings.http.host):\(settings.port(of: .api))")
        var plan = LoadPlan(host: target.host, port: target.port)
        plan.duration = DurationText.parse(duration) ?? plan.duration
        if let keyFile {
            plan.headers.append(
                (name: "Authorization", value: "Bearer \(try BenchOrdersCommand.credential(in: keyFile))"))
        }
        let servers = try servers.processes
        let (rounds, connections, batches, lines) = (rounds, connections, batches, lines)
        let runs = try await DedicatedThread.run("bench") { [plan] in
            try (0..<rounds).map { _ in
                var single = plan
                single.connections = connections
                single.warmUp = .zero
                var many = plan
                many.connections = batches
                return (
                    single: try Self.measure(settings, servers, plan) {
                        let result = try LoadGenerator(single).run()
                        return Run(perSecond: result.perSecond, created: result.created, errors: result.errors)
                    },
                    batch: try Self.measure(settings, servers, plan) {
                        let result = try BatchLoad(many, lines: lines).run()
                        return Run(perSecond: result.perSecond, created: result.created, errors: result.errors)
                    }
                )
            }
        }
        tell(json ? Self.json(runs) : Self.table(runs))
        let errors = runs.map { $0.single.errors + $0.batch.errors }.reduce(0, +)
        if errors > 0 || runs.contains(where: { $0.single.created == 0 || $0.batch.created == 0 }) {
            warn("\(errors) orders weren't taken")
            throw ExitCode(ExitStatus.failure)
        }
    }

    private static func measure(
        _ settings: Settings, _ servers: [ServerProcess], _ plan: LoadPlan, _ body: () throws -> Run
    ) throws -> Run {
        let usage = RoleUsage(settings, servers: servers, credentials: plan.headers)
        usage.start()
        var run = try body()
        run.costs = usage.stop()
        return run
    }

    private static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
    }

    private static func table(_ runs: [(single: Run, batch: Run)]) -> TerminalText {
        func number(_ value: Double, _ digits: Int = 0) -> String { String(format: "%.\(digits)f", value) }
        var rows = [["round", "single/s", "batch/s", "ratio", "CPU s per 10 000", "API's memory"]]
        for (index, run) in runs.enumerated() {
            rows.append([
                "\(index + 1)", number(run.single.perSecond), number(run.batch.perSecond),
                number(run.batch.perSecond / max(run.single.perSecond, 1e-9), 2),
                "\(number(run.single.cpu, 2)) and \(number(run.batch.cpu, 2))",
                "\((run.single.api?.memoryBytes ?? 0) >> 20) and \((run.batch.api?.memoryBytes ?? 0) >> 20) MiB",
            ])
        }
        rows.append([
            "median", number(median(runs.map(\.single.perSecond))), number(median(runs.map(\.batch.perSecond))),
            number(median(runs.map { $0.batch.perSecond / max($0.single.perSecond, 1e-9) }), 2), "", "",
        ])
        return TextTable.write(rows)
    }

    private static func json(_ runs: [(single: Run, batch: Run)]) -> TerminalText {
        var writer = JSONWriter()
        writer.object { json in
            json.key("rounds")
            json.array { json in
                for run in runs {
                    json.object { json in
                        for (single, name) in [(true, "single" as StaticString), (false, "batch")] {
                            let own = single ? run.single : run.batch
                            json.key(name)
                            json.object {
                                $0.field("ordersPerSecond", Int(own.perSecond.rounded()))
                                $0.field("created", own.created)
                                $0.field("errors", own.errors)
                                $0.field("memoryBytes", own.api?.memoryBytes ?? 0)
                            }
                        }
                    }
                }
            }
        }
        return TerminalText(json: writer.bytes)
    }
}
